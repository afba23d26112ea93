/** What the modules of the page hand to each other. */

type FigureOf = import("../umurl_search/serve/static/player.js").Figure;

interface HTMLCanvasElement {
  /** What plays on it. */
  figure?: FigureOf | null;
}

declare namespace Page {
  /** What becomes an element's children: lists are flattened; null, undefined and false are left out. */
  type Child = Node | string | number | false | null | undefined | readonly Child[];

  /** Attributes, properties and listeners of an element that is made. */
  type Given<E extends Element> = {
    style?: Record<string, string>;
  } & {
    [K in keyof HTMLElementEventMap as `on${K}`]?: (event: HTMLElementEventMap[K] & { readonly currentTarget: E }) => unknown;
  } & { [attribute: string]: unknown };

  /** Of an address: null takes away, a list gives several. */
  type Changes = Record<string, string | number | null | undefined | string[]>;

  /** A clip of the library or a hit, by the number that each of them has. */
  type Numbered = { id: number; clip_id?: undefined } | { clip_id: number; id?: undefined };

  type Stretch = Pick<Server.Moment, "start_frame" | "stop_frame" | "start_s" | "end_s" | "segment">;
  type Whole = { [K in keyof Stretch]?: undefined };

  /** What a card shows: a clip, a hit or a moment. */
  type Row = Server.ClipColumns & Numbered & (Whole | Stretch) & { rank?: number; score?: number | null; is_query?: boolean };

  type Verdict = "right" | "wrong";

  /** `word`: the query's name for it. */
  type OnSearch = (word: string, row: Row) => unknown;

  interface CardOptions {
    verdict?: Verdict | null;
    onSearch: OnSearch;
    onLook?: ((row: Row) => unknown) | null;
    note?: string | null;
    tag?: "li" | "div";
  }

  /** The query seen large, beside a hit. */
  interface Large {
    url: string;
    title: string;
    note: string;
  }

  type Stage = HTMLDivElement & { figure: FigureOf };

  /** What a choice shows: a value, or a value and its text. */
  type Option = string | readonly [string, string];

  /** A clip's extent, millimetres. */
  interface Box {
    x: number;
    y: number;
    z: number;
    across: number;
    tall: number;
    floor?: number;
    /** Whether the joints were found in a picture: all have one depth. */
    flat?: boolean;
  }

  /** data: (T, M, V, 3) int16 millimetres. */
  interface Motion {
    data: Int16Array;
    frames: number;
    people: number;
    joints: number;
    fps: number;
    bones: [number, number][];
    box: Box;
  }

  /** Row and column of a confusion matrix. */
  type Cell = readonly [number, number];

  type Colour = [number, number, number];

  /** x and y on a canvas, CSS pixels. */
  type Place = [number, number];

  /** What the server is asked by a clip. */
  interface Request {
    clip: string;
    index: string;
    modality?: string;
    against?: string;
    k?: number;
    where?: string | null;
    exclude_same_performance?: boolean;
    bridge?: boolean;
  }

  /** A view that stands. */
  interface Handle {
    update: (params: URLSearchParams) => Promise<void>;
    leave: () => void;
    files?: (files: File[]) => Promise<void>;
    key?: (event: KeyboardEvent) => boolean;
  }

  interface View {
    title: string;
    mount: (root: HTMLElement, options: { signal: AbortSignal }) => Handle;
  }
}

/** What `pictures/html.py` puts into a page of pictures. */
declare namespace Pictures {
  interface Clip {
    shape: [number, number];
    frames: string;
    bones: [number, number, 0 | 1][];
    front: [number, number];
    floor: number | null;
    /** Of joints of a picture: the azimuth and elevation that they are always seen from, degrees. */
    seen: [number, number] | null;
  }

  interface Data {
    azimuth: number;
    elevation: number;
    palette: { ground: string; limbs: string[][] };
    clips: Clip[];
  }

  /** A clip as it is drawn: its extent in millimetres, and from where it is seen. */
  interface Drawn extends Clip {
    mm: Int16Array;
    T: number;
    M: number;
    low: number[];
    high: number[];
    target: number[];
    radius: number;
    canvas: HTMLCanvasElement;
  }

  /** A place on the canvas, how near it is, and pixels a millimetre. */
  type Place = [number, number, number, number];
}
