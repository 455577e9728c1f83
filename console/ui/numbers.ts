/** Dollars, to a length that tells small sums apart. An unknown price is not a zero. */
export function money(usd: number | undefined): string {
  if (usd === undefined) return "unknown";
  if (usd === 0) return "$0";
  if (usd < 0.0001) return "< $0.0001";
  return `$${usd.toFixed(usd < 0.1 ? 4 : 2)}`;
}

const counts = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export function count(value: number): string {
  return value < 10_000 ? String(value) : counts.format(value);
}

export function bytes(size: number): string {
  if (size < 1_000) return `${size} B`;
  return size < 1_000_000 ? `${(size / 1_000).toFixed(1)} kB` : `${(size / 1_000_000).toFixed(1)} MB`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
