"use strict";
// Plays and turns the clips of this page. Coordinates are millimetres; ABSENT marks a joint that is not there.
/** @type {Pictures.Data} */
const page = JSON.parse(document.getElementById("data")?.textContent ?? "");
const ABSENT = -32768, FPS = 30, HEAD = 3, HEAD_MM = 90, BONE_MM = 30;
const view = { azimuth: page.azimuth, elevation: page.elevation, zoom: 1 };
const bar = byId("time", HTMLInputElement), said = byId("said", HTMLElement);
const button = byId("play", HTMLButtonElement), speed = byId("speed", HTMLSelectElement);
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
let frame = 0, playing = !still, last = NaN;

/** @template {HTMLElement} E @param {string} id @param {new () => E} kind */
function byId(id, kind) {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${kind.name} #${id}`);
}

/** @type {Pictures.Drawn[]} */
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
bar.max = String(length - 1);

/** @param {Pictures.Drawn} clip */
function eye(clip) {
  const [azimuth, elevation] = clip.seen ?? [view.azimuth, view.elevation]; // joints of a picture are not turned
  const turn = (azimuth * Math.PI) / 180, rise = (elevation * Math.PI) / 180, [x, z] = clip.front;
  const ax = x * Math.cos(turn) + z * Math.sin(turn), az = z * Math.cos(turn) - x * Math.sin(turn);
  const e = Math.cos(rise), s = Math.sin(rise), far = 3 * clip.radius;
  const size = clip.canvas.width, scale = (view.zoom * 0.92 * size) / (2 * clip.radius);
  /** @type {(px: number, py: number, pz: number) => Pictures.Place} */
  return (px, py, pz) => {
    const dx = px - clip.target[0], dy = py - clip.target[1], dz = pz - clip.target[2];
    const right = az * dx - ax * dz, back = e * (ax * dx + az * dz) + s * dy;
    const up = e * dy - s * (ax * dx + az * dz), near = clip.seen ? 1 : far / Math.max(far - back, far / 50);
    return [size / 2 + scale * right * near, size / 2 - scale * up * near, near, scale];
  };
}

/** @param {CanvasRenderingContext2D} pen @param {Pictures.Drawn} clip @param {ReturnType<typeof eye>} project */
function ground(pen, clip, project) {
  const { floor } = clip;
  if (floor === null) return;
  let cell = 500;
  const wide = Math.max(clip.high[0] - clip.low[0], clip.high[2] - clip.low[2]) + 1000;
  while (wide / cell > 20) cell *= 2;
  const [x0, z0] = [0, 2].map((c) => Math.floor((clip.low[c] - 500) / cell) * cell);
  const [x1, z1] = [0, 2].map((c) => Math.ceil((clip.high[c] + 500) / cell) * cell);
  pen.beginPath();
  /** @type {(a: number, b: number, c: number, d: number) => void} */
  const line = (a, b, c, d) => {
    const p = project(a, floor, b), q = project(c, floor, d);
    pen.moveTo(p[0], p[1]); pen.lineTo(q[0], q[1]);
  };
  for (let x = x0; x <= x1; x += cell) line(x, z0, x, z1);
  for (let z = z0; z <= z1; z += cell) line(x0, z, x1, z);
  pen.lineWidth = devicePixelRatio; pen.strokeStyle = page.palette.ground; pen.stroke();
}

/** @param {Pictures.Drawn} clip */
function draw(clip) {
  const pen = clip.canvas.getContext("2d"), project = eye(clip), t = Math.min(Math.floor(frame), clip.T - 1);
  if (!pen) throw new Error("this browser cannot draw on a canvas");
  pen.clearRect(0, 0, clip.canvas.width, clip.canvas.height);
  pen.lineCap = "round";
  ground(pen, clip, project);
  /** @type {[Pictures.Place, Pictures.Place, string, number][]} */
  const bones = [];
  for (let m = 0; m < clip.M; m++) {
    const at = (t * clip.M + m) * 25;
    /** @param {number} j */
    const there = (j) => clip.mm[3 * (at + j)] !== ABSENT;
    /** @param {number} j */
    const point = (j) => {
      const [x, y, z] = clip.mm.subarray(3 * (at + j), 3 * (at + j) + 3);
      return project(x, y, z);
    };
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
  bar.value = String(Math.floor(frame));
  said.textContent = `${(frame / FPS).toFixed(2)} / ${(length / FPS).toFixed(2)} s`;
  button.textContent = playing ? "Pause" : "Play";
  document.body.dataset.frame = String(Math.floor(frame));
}

/** @param {number} now */
function tick(now) {
  if (playing && !Number.isNaN(last)) frame = (frame + ((now - last) / 1000) * FPS * Number(speed.value)) % length;
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

/** @param {number} right @param {number} up */
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
const TURNS = new Map([["ArrowLeft", [5, 0]], ["ArrowRight", [-5, 0]], ["ArrowUp", [0, 5]], ["ArrowDown", [0, -5]]]);
addEventListener("keydown", (event) => {
  if (event.target instanceof Element && event.target.matches("input, select, button") && event.key !== "Escape") return;
  const by = TURNS.get(event.key);
  if (by) { event.preventDefault(); turn(by[0], by[1]); }
  if (event.key === " ") { event.preventDefault(); playing = !playing; show(); }
  const step = event.key === "," ? -1 : event.key === "." ? 1 : 0;
  if (step) { playing = false; frame = (Math.floor(frame) + step + length) % length; show(); }
});
addEventListener("resize", resize);
resize();
requestAnimationFrame(tick);
