import type { ComponentChildren } from "preact";
import { TableScroll } from "./parts.tsx";

export type Column<Row> = {
  name: string;
  /** What the name means, for whoever points at it. */
  title?: string;
  /** Its looks: `end` for numbers. */
  class?: string;
  of: (row: Row) => ComponentChildren;
};

/** A column of numbers. */
export function numbers<Row>(name: string, of: Column<Row>["of"], title?: string): Column<Row> {
  return { name, of, title, class: "end" };
}

export function Table<Row>({
  label,
  columns,
  rows,
  small,
}: {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  small?: boolean;
}) {
  return (
    <TableScroll label={label}>
      <table class={small ? "table small" : "table"}>
        <thead>
          <tr>
            {columns.map(({ name, title, class: looks }) => (
              <th key={name} scope="col" class={looks} title={title}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {columns.map(({ name, class: looks, of }) => (
                <td key={name} class={looks}>
                  {of(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  );
}
