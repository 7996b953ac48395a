import { useMutation, useQuery } from "@apollo/client/react";
import type { ReactNode } from "react";
import { describe } from "../api/errors";
import type { Level } from "../gql/graphql";
import { Field } from "../ui/field";
import { useToast } from "../ui/toast";
import { Chapter, LearnerProfile, UpdateLearnerProfile } from "./documents";

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
  const { data } = useQuery(LearnerProfile);
  const [update] = useMutation(UpdateLearnerProfile, { refetchQueries: [Chapter], onError: (error) => toast(describe(error)) });
  if (data === undefined) return null;
  const { softwareBackground, hardwareBackground } = data.me.profile;
  return (
    <div className="pair">
      <LevelSelect label="Your experience in software" value={softwareBackground} onChange={(level) => void update({ variables: { input: { softwareBackground: level } } })} />
      <LevelSelect label="Your experience in hardware" value={hardwareBackground} onChange={(level) => void update({ variables: { input: { hardwareBackground: level } } })} />
    </div>
  );
}
