/** What is typed to sign in, or for a new account: what is missing, and what the auth server says about it. */
export interface Values {
  readonly name: string;
  readonly email: string;
  readonly password: string;
}

/** Sentences about the fields, and about the form as a whole. */
export type Messages = Readonly<Partial<Record<keyof Values | "form", string>>>;

/** The part of Better Auth's error that is shown. */
export interface Failure {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
}

/** The shortest password that Better Auth accepts by default. */
const SHORTEST = 8;

const fields = ["name", "email", "password"] as const;

function sentences(isNew: boolean): Readonly<Record<keyof Values, string>> {
  return {
    name: "Enter your name.",
    email: "Enter an e-mail address, such as name@example.com.",
    password: isNew ? `Choose a password of at least ${SHORTEST} characters.` : "Enter your password.",
  };
}

function chosen(isNew: boolean, isChosen: (field: keyof Values) => boolean): Messages {
  const all = sentences(isNew);
  return Object.fromEntries(fields.filter(isChosen).map((field) => [field, all[field]]));
}

/** What is wrong before anything is sent: it is said about all fields at once. */
export function missing(isNew: boolean, { name, email, password }: Values): Messages {
  const isWrong = {
    name: isNew && name.trim() === "",
    email: !/^\S+@\S+\.\S+$/.test(email),
    password: password.length < (isNew ? SHORTEST : 1),
  };
  return chosen(isNew, (field) => isWrong[field]);
}

/** The field that a code of Better Auth is about. */
const codes = { email: /EMAIL(?!_OR_PASSWORD)|USER_ALREADY/, password: /PASSWORD(?!$)|^INVALID_PASSWORD$/, name: /NAME/ };

/** What Better Auth says. The text of its validator is for developers: only the fields that it names are used. */
export function messagesOf(isNew: boolean, { code = "", message = "" }: Failure): Messages {
  if (code === "VALIDATION_ERROR") {
    const invalid = chosen(isNew, (field) => message.includes(`[body.${field}]`));
    return Object.keys(invalid).length > 0 ? invalid : { form: "The sign-in service does not accept this." };
  }
  const field = fields.find((name) => codes[name].test(code)) ?? "form";
  return { [field]: message || "The sign-in service does not answer. Try again." };
}
