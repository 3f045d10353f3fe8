/** Metrics and their Prometheus text (exposition format 0.0.4). */

/** Label values in the order of the family's label names. */
type LabelValues = readonly string[];

/** A metric with all its series, rendered as Prometheus text. */
export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  /** Lines of the text exposition format 0.0.4, each ending with a line feed; empty without series. */
  render(): string;
  /** Removes all series. */
  clear(): void;
  /** Removes the series whose labels `isGone` accepts. */
  prune(isGone: (label: (name: string) => string | undefined) => boolean): void;
}

export interface FamilyOptions {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

const escapeValue = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

/** Formats a number for Prometheus, which writes infinities differently from JavaScript. */
const formatNumber = (value: number): string =>
  Number.isFinite(value) || Number.isNaN(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';

/** `{a="1",b="2"}`, empty without labels. */
function renderLabels(names: readonly string[], values: LabelValues): string {
  if (names.length === 0) return '';
  return `{${names.map((name, index) => `${name}="${escapeValue(values[index] ?? '')}"`).join(',')}}`;
}

/** Series of one family by their labels. A series is looked up once and then updated directly. */
class SeriesTable<S> {
  readonly #options: FamilyOptions;
  readonly #create: () => S;
  readonly #series = new Map<string, { readonly values: LabelValues; readonly series: S }>();

  constructor(options: FamilyOptions, create: () => S) {
    this.#options = options;
    this.#create = create;
  }

  get(values: LabelValues): S {
    const key = values.join('\0');
    let entry = this.#series.get(key);
    if (entry === undefined) {
      entry = { values, series: this.#create() };
      this.#series.set(key, entry);
    }
    return entry.series;
  }

  clear(): void {
    this.#series.clear();
  }

  prune(isGone: (label: (name: string) => string | undefined) => boolean): void {
    const { labels } = this.#options;
    for (const [key, { values }] of this.#series) {
      if (isGone((name) => values[labels.indexOf(name)])) this.#series.delete(key);
    }
  }

  render(type: string, renderSeries: (series: S, values: LabelValues) => string): string {
    if (this.#series.size === 0) return '';
    const { name, help } = this.#options;
    let text = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    for (const { values, series } of this.#series.values()) text += renderSeries(series, values);
    return text;
  }
}

/** A number that is written to directly: `series.value += 1`. */
export interface Series {
  value: number;
}

function createPlainFamily(options: FamilyOptions, type: 'counter' | 'gauge') {
  const table = new SeriesTable<Series>(options, () => ({ value: 0 }));
  const { name, labels } = options;
  return {
    name,
    type,
    labels,
    series: (values: LabelValues): Series => table.get(values),
    prune: table.prune.bind(table),
    clear: table.clear.bind(table),
    render: () =>
      table.render(
        type,
        (series, values) =>
          `${name}${renderLabels(labels, values)} ${formatNumber(series.value)}\n`,
      ),
  };
}

interface PlainFamily extends Family {
  /** The series of these labels, made at the first call. */
  series(values: LabelValues): Series;
}

/** A family that only grows. */
export const createCounterFamily = (options: FamilyOptions): PlainFamily =>
  createPlainFamily(options, 'counter');

/** A family of current values. */
export const createGaugeFamily = (options: FamilyOptions): PlainFamily =>
  createPlainFamily(options, 'gauge');

/** Counts of one distribution. `observe` runs for every request and costs a few nanoseconds. */
class HistogramSeries {
  readonly #bounds: Float64Array;
  readonly #counts: Float64Array;
  #sum = 0;
  #count = 0;

  constructor(bounds: Float64Array) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length);
  }

  /** Counts `times` observations of `value`. */
  observe(value: number, times = 1): void {
    this.#sum += value * times;
    this.#count += times;
    const bounds = this.#bounds;
    for (let index = 0; index < bounds.length; index += 1) {
      const bound = bounds[index];
      if (bound !== undefined && value <= bound) {
        this.#counts[index] = (this.#counts[index] ?? 0) + times;
        return;
      }
    }
  }

  render(name: string, labels: readonly string[], values: LabelValues): string {
    const names = [...labels, 'le'];
    let text = '';
    let below = 0;
    for (const [index, bound] of this.#bounds.entries()) {
      below += this.#counts[index] ?? 0;
      text += `${name}_bucket${renderLabels(names, [...values, String(bound)])} ${below}\n`;
    }
    text += `${name}_bucket${renderLabels(names, [...values, '+Inf'])} ${this.#count}\n`;
    const plain = renderLabels(labels, values);
    return `${text}${name}_sum${plain} ${formatNumber(this.#sum)}\n${name}_count${plain} ${this.#count}\n`;
  }
}

export type { HistogramSeries };

interface HistogramFamily extends Family {
  series(values: LabelValues): HistogramSeries;
}

/** A family of distributions. `bounds` are the upper bounds of the buckets, ascending, without infinity. */
export function createHistogramFamily(
  options: FamilyOptions & { readonly bounds: readonly number[] },
): HistogramFamily {
  const bounds = Float64Array.from(options.bounds);
  const table = new SeriesTable(options, () => new HistogramSeries(bounds));
  const { name, labels } = options;
  return {
    name,
    type: 'histogram',
    labels,
    series: (values) => table.get(values),
    prune: table.prune.bind(table),
    clear: table.clear.bind(table),
    render: () =>
      table.render('histogram', (series, values) => series.render(name, labels, values)),
  };
}

/** The families as Prometheus text: the answer to `GET /metrics`. */
export const metricsResponse = (families: readonly Family[]): Response =>
  new Response(families.map((family) => family.render()).join(''), {
    headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
  });
