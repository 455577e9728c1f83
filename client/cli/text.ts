type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_style, text) => text;

/** Controls that no text needs, among them those that begin a terminal's commands, and those that turn text around. */
const steering = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** What models and users wrote must not steer the terminal. */
export function safe(text: string): string {
  return text.replace(steering, "");
}

/** The same JSON on one line, in which nothing steers the terminal either. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(
    steering,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A frame that is redrawn must not wrap. */
export function clip(text: string, width: number): string {
  const line = text.replace(/\s*\n\s*/g, " ");
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}

export function seconds(ms: number): string {
  const total = ms / 1000;
  if (total < 60) return `${total.toFixed(1)} s`;
  if (total < 3600) return `${Math.floor(total / 60)} min ${Math.floor(total % 60)} s`;
  return `${Math.floor(total / 3600)} h ${Math.floor((total % 3600) / 60)} min`;
}

export function money(dollars: number): string {
  if (dollars > 0 && dollars < 0.0001) return "< $0.0001";
  return `$${dollars.toFixed(dollars === 0 || dollars >= 1 ? 2 : 4)}`;
}

/** @param right - columns that are aligned to the right. */
export function columns(rows: string[][], right: number[] = []): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return right.includes(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}
