"use strict";
// Plays and turns the clips of this page. Coordinates are millimetres; ABSENT marks a joint that is not there.
const page = JSON.parse(document.getElementById("data").textContent);
const ABSENT = -32768, FPS = 30, HEAD = 3, HEAD_MM = 90, BONE_MM = 30;
const view = { azimuth: page.azimuth, elevation: page.elevation, zoom: 1 };
const bar = document.getElementById("time"), said = document.getElementById("said");
const button = document.getElementById("play"), speed = document.getElementById("speed");
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
let frame = 0, playing = !still, last = null;

const clips = page.clips.map((clip, i) => {
  const bytes = Uint8Array.from(atob(clip.frames), (c) => c.charCodeAt(0));
  const mm = new Int16Array(bytes.buffer), [T, M] = clip.shape;
  const low = [1e9, 1e9, 1e9], high = [-1e9, -1e9, -1e9];
  for (let at = 0; at < mm.length; at += 3) {
    if (mm[at] === ABSENT) continue;
    for (let c = 0; c < 3; c++) { low[c] = Math.min(low[c], mm[at + c]); high[c] = Math.max(high[c], mm[at + c]); }
  }
  const target = low.map((v, c) => (v + high[c]) / 2);
  const radius = Math.max(200, Math.hypot(...low.map((v, c) => (high[c] - v) / 2)) + HEAD_MM);
  return { ...clip, mm, T, M, low, high, target, radius, canvas: document.querySelectorAll("canvas")[i] };
});
const length = Math.max(...clips.map((clip) => clip.T));
bar.max = length - 1;

function eye(clip) {
  const turn = (view.azimuth * Math.PI) / 180, rise = (view.elevation * Math.PI) / 180, [x, z] = clip.front;
  const ax = x * Math.cos(turn) + z * Math.sin(turn), az = z * Math.cos(turn) - x * Math.sin(turn);
  const e = Math.cos(rise), s = Math.sin(rise), far = 3 * clip.radius;
  const size = clip.canvas.width, scale = (view.zoom * 0.92 * size) / (2 * clip.radius);
  return (px, py, pz) => {
    const dx = px - clip.target[0], dy = py - clip.target[1], dz = pz - clip.target[2];
    const right = az * dx - ax * dz, back = e * (ax * dx + az * dz) + s * dy;
    const up = e * dy - s * (ax * dx + az * dz), near = far / Math.max(far - back, far / 50);
    return [size / 2 + scale * right * near, size / 2 - scale * up * near, near, scale];
  };
}

function ground(pen, clip, project) {
  if (clip.floor === null) return;
  let cell = 500;
  const wide = Math.max(clip.high[0] - clip.low[0], clip.high[2] - clip.low[2]) + 1000;
  while (wide / cell > 20) cell *= 2;
  const [x0, z0] = [0, 2].map((c) => Math.floor((clip.low[c] - 500) / cell) * cell);
  const [x1, z1] = [0, 2].map((c) => Math.ceil((clip.high[c] + 500) / cell) * cell);
  pen.beginPath();
  const line = (a, b, c, d) => {
    const p = project(a, clip.floor, b), q = project(c, clip.floor, d);
    pen.moveTo(p[0], p[1]); pen.lineTo(q[0], q[1]);
  };
  for (let x = x0; x <= x1; x += cell) line(x, z0, x, z1);
  for (let z = z0; z <= z1; z += cell) line(x0, z, x1, z);
  pen.lineWidth = devicePixelRatio; pen.strokeStyle = page.palette.ground; pen.stroke();
}

function draw(clip) {
  const pen = clip.canvas.getContext("2d"), project = eye(clip), t = Math.min(Math.floor(frame), clip.T - 1);
  pen.clearRect(0, 0, clip.canvas.width, clip.canvas.height);
  pen.lineCap = "round";
  ground(pen, clip, project);
  const bones = [];
  for (let m = 0; m < clip.M; m++) {
    const at = (t * clip.M + m) * 25, there = (j) => clip.mm[3 * (at + j)] !== ABSENT;
    const point = (j) => project(...clip.mm.subarray(3 * (at + j), 3 * (at + j) + 3));
    for (const [a, b, side] of clip.bones) {
      if (there(a) && there(b)) bones.push([point(a), point(b), page.palette.limbs[m % 2][side], BONE_MM]);
    }
    if (there(HEAD)) bones.push([point(HEAD), point(HEAD), page.palette.limbs[m % 2][0], 2 * HEAD_MM]);
  }
  bones.sort((one, other) => one[0][2] + one[1][2] - other[0][2] - other[1][2]);
  for (const [p, q, colour, thick] of bones) {
    pen.beginPath(); pen.moveTo(p[0], p[1]); pen.lineTo(q[0], q[1] + 0.01);
    pen.lineWidth = Math.max(1.5, thick * p[3] * p[2]); pen.strokeStyle = colour; pen.stroke();
  }
}

function show() {
  for (const clip of clips) draw(clip);
  bar.value = Math.floor(frame);
  said.textContent = (frame / FPS).toFixed(2) + " / " + (length / FPS).toFixed(2) + " s";
  button.textContent = playing ? "Pause" : "Play";
  document.body.dataset.frame = Math.floor(frame);
}

function tick(now) {
  if (playing && last !== null) frame = (frame + ((now - last) / 1000) * FPS * Number(speed.value)) % length;
  last = now;
  if (playing) show();
  requestAnimationFrame(tick);
}

function resize() {
  for (const { canvas } of clips) {
    const side = Math.round(canvas.clientWidth * devicePixelRatio);
    if (canvas.width !== side) canvas.width = canvas.height = side;
  }
  show();
}

function turn(right, up) {
  view.azimuth = (view.azimuth + right) % 360;
  view.elevation = Math.max(-89, Math.min(89, view.elevation + up));
  show();
}
for (const { canvas } of clips) {
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) turn(-event.movementX / 2, event.movementY / 2);
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    view.zoom = Math.max(0.3, Math.min(8, view.zoom * Math.exp(-event.deltaY / 500)));
    show();
  }, { passive: false });
}
button.addEventListener("click", () => { playing = !playing; show(); });
bar.addEventListener("input", () => { frame = Number(bar.value); playing = false; show(); });
addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, button") && event.key !== "Escape") return;
  const turns = { ArrowLeft: [5, 0], ArrowRight: [-5, 0], ArrowUp: [0, 5], ArrowDown: [0, -5] }[event.key];
  if (turns) { event.preventDefault(); turn(...turns); }
  if (event.key === " ") { event.preventDefault(); playing = !playing; show(); }
  const step = { ",": -1, ".": 1 }[event.key];
  if (step) { playing = false; frame = (Math.floor(frame) + step + length) % length; show(); }
});
addEventListener("resize", resize);
resize();
requestAnimationFrame(tick);
