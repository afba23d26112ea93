/** What the server answers, as far as the page reads it; tests/browser/test_answer_types.py holds real answers against it. */

declare namespace Server {
  interface IndexRow {
    name: string;
    dataset: string;
    encoder: string;
    clips: number;
  }

  interface Contents {
    indexes: IndexRow[];
    default_index: string | null;
  }

  interface IndexInfo {
    name: string;
    dataset: string;
    clips: number;
    modalities: string[];
    windowed: boolean;
    protocols: string[];
  }

  interface ColumnValue {
    value: number | string | boolean;
    count: number;
  }

  interface Column {
    column: string;
    values: ColumnValue[];
    distinct: number;
  }

  interface Columns {
    columns: Column[];
  }

  interface ClipColumns {
    name: string;
    dataset: string;
    label: number | null;
    action: string | null;
    subject: number | string | null;
    camera: number | string | null;
    setup: number | string | null;
    replication: number | string | null;
    frames: number;
  }

  interface Clip extends ClipColumns {
    id: number;
  }

  interface Clips {
    total: number;
    clips: Clip[];
  }

  /** A labelled stretch of a recording. */
  interface Named {
    label: number | null;
    action: string | null;
  }

  interface Segment extends Named {
    start: number;
    stop: number;
  }

  interface ClipInfo extends Clip {
    segments: Segment[];
  }

  /** A whole clip found. The keys that a moment alone has are not there. */
  interface Hit extends ClipColumns {
    rank: number;
    score: number;
    clip_id: number;
    index: string;
    is_query: boolean;
    start_frame?: undefined;
    stop_frame?: undefined;
    start_s?: undefined;
    end_s?: undefined;
    segment?: undefined;
  }

  /** A stretch of a recording found. */
  interface Moment extends ClipColumns {
    rank: number;
    score: number;
    clip_id: number;
    index: string;
    is_query: boolean;
    start_frame: number;
    stop_frame: number;
    start_s: number;
    end_s: number;
    segment: Named | null;
  }

  interface AskedClip {
    clip: string;
    clip_id?: number;
    modality: string;
    frames: number;
    people: number;
    where: string | null;
    label: number | null;
    action: string | null;
    notes: string[];
  }

  interface SearchedIndex {
    against: string;
    bridge: boolean;
    transform: string;
    kind: string;
    passing: number;
    window_s: number[] | null;
  }

  interface QueryAnswer {
    query: AskedClip;
    index: SearchedIndex;
    hits: (Hit | Moment)[];
    seconds: Record<string, number>;
  }

  interface Stretch {
    start: number;
    stop: number;
    score: number;
  }

  interface Timeline {
    recording: Clip;
    fps: number;
    frames: number;
    windows: Stretch[];
    peaks: Stretch[];
    segments: Segment[];
  }

  interface Files {
    suffixes: string[];
    layouts: string[];
    up: string[];
  }

  interface Skeleton {
    bones: [number, number][];
  }

  interface Upload {
    token: string;
  }

  interface ClassAccuracy {
    label: number;
    action: string | null;
    queries: number;
    accuracy: number;
  }

  interface Hard {
    name: string;
    action: string;
    found_action: string;
    score: number;
  }

  interface Metric {
    header: string;
    meaning: string;
    value: string | null;
  }

  interface Evaluation {
    dataset: string;
    protocol: string;
    encoder: string;
    transform: string;
    query_modality: string;
    gallery_modality: string;
    bridge: boolean;
    queries: number;
    gallery: number;
    accuracy: number;
    k: number;
    recall_at: Record<string, number>;
    metrics: Metric[];
    per_class: ClassAccuracy[];
    warnings: string[];
    seconds: Record<string, number>;
    query_layout?: string;
    views?: number;
    native_accuracy?: number;
    classes: string[];
    confusion: number[][];
    hardest: Hard[];
  }

  interface Pair {
    query: Clip;
    hit: Clip | null;
    score: number | null;
  }

  interface Cell {
    total: number;
    pairs: Pair[];
  }

  interface Matrix {
    matrix: Record<string, Record<string, number>>;
  }

  interface Map {
    columns: string[];
  }

  interface MapColumn {
    values: (string | number)[];
    codes: string;
  }

  interface Hint {
    text: string;
  }

  interface Refusal {
    error: string;
    code: string;
    hint?: Hint;
  }

  interface RunningJob {
    id: string;
    state: "running";
    progress: number;
  }

  interface FailedJob extends Refusal {
    id: string;
    state: "failed";
  }

  interface DoneJob {
    id: string;
    state: "done";
  }

  /** What each kind of longer work gives. */
  interface Documents {
    evaluations: Evaluation;
    matrices: Matrix;
    maps: Map;
  }

  type Job<K extends keyof Documents> = RunningJob | FailedJob | (DoneJob & { document: Documents[K] });
}
