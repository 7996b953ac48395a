import { useId, type ReactNode } from "react";

interface BarsProps {
  readonly title: string;
  readonly unit: string;
  readonly rows: readonly (readonly [label: string, value: number])[];
}

/** A bar chart. It is a table: what the bars show is also there as text. */
export function Bars({ title, unit, rows }: BarsProps): ReactNode {
  const id = useId();
  const most = Math.max(1, ...rows.map(([, value]) => value));
  return (
    <section className="card" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {rows.length === 0 ? (
        <p className="muted chart-empty">Nothing in this period.</p>
      ) : (
        <table className="bars">
          <thead className="visually-hidden">
            <tr>
              <th scope="col">Name</th>
              <th scope="col">{unit}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([label, value]) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td>
                  <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                    <rect className="bar-track" width="100" height="10" />
                    <rect className="bar" width={(value / most) * 100} height="10" />
                  </svg>
                  <span className="bar-value">{value}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
