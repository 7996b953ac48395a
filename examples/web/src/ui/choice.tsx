import { useId, type ReactNode } from "react";

interface ChoiceProps<T extends string> {
  readonly legend: string;
  readonly options: readonly (readonly [value: T, label: string])[];
  readonly value: T;
  readonly onChange: (value: T) => void;
  readonly isLegendHidden?: boolean;
}

/** One of a few options: radio buttons that look like one control. */
export function Choice<T extends string>({ legend, options, value, onChange, isLegendHidden = false }: ChoiceProps<T>): ReactNode {
  const name = useId();
  return (
    <fieldset className="choice">
      <legend className={isLegendHidden ? "visually-hidden" : undefined}>{legend}</legend>
      <div className="choice-options">
        {options.map(([option, label]) => (
          <label key={option}>
            <input type="radio" name={name} checked={option === value} onChange={() => onChange(option)} />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
