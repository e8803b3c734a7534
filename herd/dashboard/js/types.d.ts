/** What the dashboard's server sends. The names are those of its JSON. */

export type NodeState =
  | "ready" | "apart" | "degraded" | "skewed" | "not ready"
  | "paused" | "down" | "not answering" | "not watched";
export type LinkState = "up" | "down" | "cut" | "never" | "unknown";

/** `GET /api/herd`: what does not change while the dashboard runs. */
export interface Herd {
  name: string;
  nodes: { name: string; client: string; admin: string | null; neighbours: string[] }[];
  may_act: boolean;
  why_not: string | null;
  harness: Harness | null;
}

export interface Harness {
  cuts_links: boolean;
  why_no_cuts: string | null;
  shows_logs: boolean;
  lessons: { name: string; title: string; rule: string }[];
}

/** The event `herd`: the state of every node and link, each second. */
export interface HerdState {
  at_ms: number;
  nodes: NodeNow[];
  links: LinkNow[];
  lesson: Lesson | null;
}

export interface NodeNow {
  name: string;
  state: NodeState;
  reasons: string[];
  reports_per_second: number | null;
  clients: number | null;
  answer_p50_seconds: number | null;
  answer_p99_seconds: number | null;
  status: Status | null;
}

export interface Direction {
  lines_per_second: number | null;
  backlog: number | null;
  origins_left_out: number | null;
}

export interface LinkNow {
  a: string;
  b: string;
  state: LinkState;
  round_trip_seconds: number | null;
  a_to_b: Direction;
  b_to_a: Direction;
}

/** The parts of a node's `/status` that this page shows. */
export interface Status {
  uptime_seconds: number;
  durability: string;
  journal_bytes: number;
  clients: number;
  clients_limit: number;
  new_ids_refused: number;
  memory_bytes: number;
  memory_limit_bytes: number;
  clients_forgotten: number;
  removed_clients: number;
  removed_clients_limit: number;
  connections: number;
  connections_refused: number;
  handshakes_failed: number;
  links_refused: number;
  log_level: string | null;
  log_lines_dropped: number;
  lines: Record<string, number>;
  places_questions: Record<string, number>;
  places_refused: number;
  places_breaker: string;
  neighbours: Neighbour[];
  durations?: Record<string, Duration>;
}

export interface Neighbour {
  name: string;
  linked: boolean;
  dial_error: string | null;
  lag: number | null;
  divergences: number;
  round_trip_seconds: number | null;
  clock_ahead_seconds: number | null;
  updates_sent?: number;
  updates_received?: number;
}

export interface Duration { count: number; p50_seconds: number | null; p99_seconds: number | null }

/** One update that was news to a node. */
export interface Update {
  client: string;
  latitude: number | null;
  longitude: number | null;
  removed: boolean;
  origin: string | null;
  /** The neighbour that sent it; null if a client of the node reported it. */
  from: string | null;
  age_seconds: number | null;
  at_ms: number;
}

/** The event `updates`. */
export interface Updates { node: string; left_out: number; updates: Update[] }

/** The event `notice`. */
export interface Notice {
  at_ms: number;
  node: string | null;
  kind: "link" | "refused" | "warning" | "missed" | "action";
  text: string;
}

export interface Second {
  at_ms: number;
  reports_per_second: number;
  flood_p50_seconds: number | null;
  flood_p99_seconds: number | null;
}

/** `GET /api/history`. */
export interface History { seconds: Second[]; notices: Notice[] }

/** `GET /api/nodes/NAME/clients`. */
export interface ClientPage { known: number; clients: Client[]; next: string | null }

export interface Client {
  client: string;
  latitude: number;
  longitude: number;
  origin: string;
  time: string;
  line: string;
}

export interface Lesson {
  name: string;
  title: string;
  rule: string;
  steps: { text: string; transcript: string[] }[];
  position: number;
  state: "waiting" | "playing" | "done" | "failed";
  error: string | null;
}

/** A place of the last answer to WHATSAT. */
export interface Place { name: string; vicinity: string; latitude: number | null; longitude: number | null }

/** A credit that a places service asks for: text, and a link if it is http or https. */
export interface Credit { text: string; link: string | null }

/** The libraries in `vendor/` put these into the global scope. */
declare global {
  const topojson: {
    feature(topology: object, object: object): GeoJSON.FeatureCollection;
    mesh(topology: object, object: object, filter?: (a: object, b: object) => boolean): GeoJSON.MultiLineString;
  };
  class Supercluster {
    constructor(options: { radius: number; maxZoom: number });
    load(points: Iterable<object> & { length: number }): this;
    getClusters(box: [number, number, number, number], zoom: number): GeoJSON.Feature<GeoJSON.Point, any>[];
    getClusterExpansionZoom(id: number): number;
  }
}
