import { useMutation, useQuery } from "@apollo/client/react";
import type { ReactNode } from "react";
import { describe } from "../api/errors";
import type { LearnerProfileInput, Level } from "../gql/graphql";
import { Field } from "../ui/field";
import { Loaded } from "../ui/loaded";
import { useToast } from "../ui/toast";
import { LearnerProfile, UpdateLearnerProfile } from "./documents";

export const levels = [["BEGINNER", "Beginner"], ["INTERMEDIATE", "Intermediate"], ["ADVANCED", "Advanced"]] as const;

export const isLevel = (value: string): value is Level => levels.some(([name]) => name === value);

interface LevelSelectProps {
  readonly label: string;
  readonly value: Level;
  readonly onChange: (level: Level) => void;
}

export function LevelSelect({ label, value, onChange }: LevelSelectProps): ReactNode {
  return (
    <Field label={label}>
      {(control) => (
        <select {...control} value={value} onChange={(event) => { if (isLevel(event.target.value)) onChange(event.target.value); }}>
          {levels.map(([level, name]) => (
            <option key={level} value={level}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** The reader's experience: the text is chosen by it, and changes at once. */
export function ProfileForm(): ReactNode {
  const toast = useToast();
  const result = useQuery(LearnerProfile);
  const [update] = useMutation(UpdateLearnerProfile, { onError: (error) => toast(describe(error)) });
  const choose = (input: LearnerProfileInput): void => void update({ variables: { input } });
  return (
    <Loaded result={result} skeleton={null}>
      {({ me: { profile } }) => (
        <div className="pair">
          <LevelSelect label="Your experience in software" value={profile.softwareBackground} onChange={(level) => choose({ softwareBackground: level })} />
          <LevelSelect label="Your experience in hardware" value={profile.hardwareBackground} onChange={(level) => choose({ hardwareBackground: level })} />
        </div>
      )}
    </Loaded>
  );
}
