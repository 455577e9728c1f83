import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type { Json, JsonObject } from "../../core/protocol/json.ts";
import { Field, type Frame, Group, Select } from "./parts.tsx";
import {
  blank,
  constantsOf,
  explained,
  isObject,
  labelOf,
  type ObjectField,
  type Option,
  resolved,
  type Schema,
  shapeOf,
  type Variant,
  variantOf,
  withField,
} from "./schema.ts";

/**
 * A form made of a JSON Schema. It holds no state of its own that matters: `value` is what it shows, and what is filled
 * in goes to `onChange`. Inside a `<form>`, which then asks for what is required.
 */
export function SchemaForm({
  schema,
  value,
  onChange,
  errors,
  example,
}: {
  schema: JsonObject;
  value: Json | undefined;
  onChange: (value: Json | undefined) => void;
  /** What is wrong, by the field's path: `question`, `members.0`; that of the whole is the empty one. */
  errors: Record<string, string>;
  /** Its values show what could be filled in, and which of the optional fields are the usual ones. */
  example?: Json | undefined;
}) {
  const about = { root: schema, errors };
  return (
    // A field that is folded away cannot be asked for.
    <div class="stack" onInvalidCapture={({ target }) => unfold(target as HTMLElement)}>
      <SchemaField
        about={about}
        path=""
        name="Answer"
        schema={schema}
        value={value}
        onChange={onChange}
        required
        example={example}
        bare
      />
    </div>
  );
}

function unfold(element: HTMLElement): void {
  for (let at = element.closest("details"); at; at = at.parentElement?.closest("details") ?? null)
    at.open = true;
}

type About = { root: Schema; errors: Record<string, string> };

type FieldProps = {
  about: About;
  path: string;
  name: string;
  schema: Schema;
  value: Json | undefined;
  onChange: (value: Json | undefined) => void;
  required: boolean;
  example?: Json | undefined;
  /** Without a frame and a name: the whole form is the field. */
  bare?: boolean;
  /** One of several under a name: its own is for those only who cannot see where it stands. */
  inRow?: boolean;
};

function SchemaField(props: FieldProps) {
  const { about, path, name, required, inRow } = props;
  const schema = resolved(props.schema, about.root);
  const shape = shapeOf(schema, about.root, name);
  const title = typeof schema.title === "string" ? schema.title : labelOf(name);
  const hint = typeof schema.description === "string" ? schema.description.replaceAll("`", "") : undefined;
  const [exampleOfSchema] = Array.isArray(schema.examples) ? schema.examples : [schema.example];
  // Somebody who empties a field that may be null means null.
  const onChange = (value: Json | undefined) =>
    props.onChange(value === undefined && shape.nullable && required ? null : value);
  const all: PartProps = {
    ...props,
    schema,
    title,
    frame: {
      label: inRow ? (
        <span class="hidden-visually">{title}</span>
      ) : (
        <Label title={title} required={required} />
      ),
      hint: inRow ? undefined : hint,
      problem: about.errors[path],
    },
    example: props.example ?? exampleOfSchema ?? (inRow ? hint : undefined),
    onChange,
    fill: (value) => onChange(Object.keys(value).length === 0 && !required ? undefined : value),
  };
  switch (shape.kind) {
    case "constant":
      return null;
    case "text":
      return <TextField {...all} {...shape} />;
    case "moment":
      return <MomentField {...all} />;
    case "number":
      return <NumberField {...all} {...shape} />;
    case "choice":
      return <ChoiceField {...all} {...shape} />;
    case "choices":
      return <ChoicesField {...all} {...shape} />;
    case "list":
      return <ListField {...all} {...shape} />;
    case "object":
      return <ObjectGroup {...all} {...shape} />;
    case "map":
      return <MapField {...all} {...shape} />;
    case "variants":
      return <VariantsField {...all} {...shape} />;
    case "json":
      return <JsonField {...all} />;
  }
}

type PartProps = FieldProps & {
  title: string;
  frame: Frame;
  /** As `onChange`, of a text or of what holds others: an empty one is not there, unless it is asked for. */
  fill: (value: string | Json[] | JsonObject) => void;
};

function Label({ title, required }: { title: string; required: boolean }) {
  return (
    <>
      {title}
      {required ? <span class="required"> required</span> : null}
    </>
  );
}

function TextField({ schema, frame, value, fill, required, example, long }: PartProps & { long: boolean }) {
  const text = {
    class: "input",
    value: typeof value === "string" ? value : "",
    required,
    placeholder: typeof example === "string" ? example : "",
    maxLength: numberOf(schema.maxLength),
    minLength: required ? numberOf(schema.minLength) : undefined,
    onInput: ({ currentTarget }: { currentTarget: { value: string } }) => fill(currentTarget.value),
  };
  return (
    <Field {...frame}>
      {(attributes) =>
        long ? (
          <textarea {...attributes} {...text} rows={4} />
        ) : (
          <input {...attributes} {...text} type="text" autocomplete="off" />
        )
      }
    </Field>
  );
}

/** Written as a time of this place, sent as one of all places. */
function MomentField({ frame, value, onChange, required }: PartProps) {
  return (
    <Field {...frame}>
      {(attributes) => (
        <input
          {...attributes}
          class="input short"
          type="datetime-local"
          value={typeof value === "string" ? localTime(new Date(value)) : ""}
          required={required}
          onChange={({ currentTarget: { value: written } }) =>
            onChange(written === "" ? undefined : new Date(written).toISOString())
          }
        />
      )}
    </Field>
  );
}

function localTime(at: Date): string {
  if (Number.isNaN(at.getTime())) return "";
  const shifted = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

function numberOf(value: Json | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function NumberField({
  schema,
  frame,
  value,
  onChange,
  required,
  example,
  whole,
}: PartProps & { whole: boolean }) {
  return (
    <Field {...frame}>
      {(attributes) => (
        <input
          {...attributes}
          class="input short"
          type="number"
          step={whole ? 1 : "any"}
          min={numberOf(schema.minimum)}
          max={numberOf(schema.maximum)}
          value={numberOf(value) ?? ""}
          required={required}
          placeholder={typeof example === "number" ? String(example) : ""}
          onInput={({ currentTarget: { valueAsNumber: number } }) =>
            onChange(Number.isNaN(number) ? undefined : number)
          }
        />
      )}
    </Field>
  );
}

/** So many choices are seen at once; more are a list to open. */
const mostSeen = 3;

function ChoiceField({
  schema,
  frame,
  value,
  onChange,
  required,
  options,
}: PartProps & { options: Option[] }) {
  const name = useId();
  const { all, each } = explained(frame.hint ?? "", options);
  const chosen = options.findIndex((option) => option.value === (value ?? undefined));
  const standard = options.find((option) => option.value === schema.default)?.label;
  const unset = standard ? `Default (${standard})` : "Default";
  const meaning = each[options[chosen]?.label ?? standard ?? ""];
  const described = { ...frame, hint: [all, meaning].filter(Boolean).join(". ") };
  const choose = (index: number) => onChange(options[index]?.value);
  if (options.length > mostSeen) {
    return (
      <Field {...described}>
        {(attributes) => (
          <SelectAt
            {...attributes}
            required={required}
            at={chosen}
            none={unset}
            labels={options.map(({ label }) => label)}
            choose={choose}
          />
        )}
      </Field>
    );
  }
  const shown = [
    ...(required ? [] : [{ label: unset, index: -1 }]),
    ...options.map(({ label }, index) => ({ label, index })),
  ];
  return (
    <Group {...described} plain>
      <div class="row">
        {shown.map(({ label, index }) => (
          <label class="choice" key={label}>
            <input
              type="radio"
              name={name}
              required={required}
              checked={chosen === index}
              onChange={() => choose(index)}
            />
            {label}
          </label>
        ))}
      </div>
    </Group>
  );
}

/** A list to open, of which the place of the choice counts; that of none is -1. */
function SelectAt({
  at,
  labels,
  none,
  choose,
  ...attributes
}: {
  at: number;
  labels: string[];
  /** What it means to choose none, where that is possible. */
  none: string;
  choose: (at: number) => void;
  required: boolean;
  id?: string;
  "aria-label"?: string;
}) {
  return (
    <Select
      {...attributes}
      class="input short"
      value={at < 0 ? "" : String(at)}
      none={attributes.required ? "Choose one" : none}
      options={labels.map((label, index) => ({ value: String(index), label }))}
      onSelect={(value) => choose(value === "" ? -1 : Number(value))}
    />
  );
}

function ChoicesField({ frame, value, fill, required, options }: PartProps & { options: Option[] }) {
  const chosen = Array.isArray(value) ? value : [];
  return (
    <Group {...frame} plain>
      <div class="choices">
        {options.map(({ value: one, label }, index) => (
          <label class="choice" key={label}>
            <input
              type="checkbox"
              checked={chosen.includes(one)}
              // The first one stands for all: a browser has no way to ask for one of several.
              required={required && index === 0 && chosen.length === 0}
              onChange={({ currentTarget }) =>
                fill(currentTarget.checked ? [...chosen, one] : chosen.filter((other) => other !== one))
              }
            />
            {label}
          </label>
        ))}
      </div>
    </Group>
  );
}

function ListField({
  about,
  path,
  schema,
  title,
  frame,
  value,
  fill,
  example,
  items,
}: PartProps & { items: Schema }) {
  const list = Array.isArray(value) ? value : [];
  const examples = Array.isArray(example) ? example : [];
  const { kind } = shapeOf(resolved(items, about.root), about.root);
  const isOneLine = kind === "text" || kind === "number" || kind === "choice";
  const most = typeof schema.maxItems === "number" ? schema.maxItems : Number.POSITIVE_INFINITY;
  return (
    <Group {...frame}>
      {list.map((item, index) => (
        // What tells the rows apart is where they stand.
        <div class="list-row" key={index}>
          <SchemaField
            about={about}
            path={join(path, String(index))}
            name={`${title} ${index + 1}`}
            schema={items}
            value={item}
            onChange={(next) => fill(list.with(index, next ?? null))}
            required
            inRow={isOneLine}
            example={examples[index]}
          />
          <RemoveButton what={`${title} ${index + 1}`} onClick={() => fill(list.toSpliced(index, 1))} />
        </div>
      ))}
      {list.length < most && (
        <AddButton to={title} onClick={() => fill([...list, blank(items, about.root) ?? null])} />
      )}
    </Group>
  );
}

/** So many fields that nobody has to fill in are shown at once. */
const mostExtras = 2;

function ObjectGroup({
  about,
  path,
  frame,
  value,
  fill,
  required,
  example,
  fields,
  bare,
}: PartProps & { fields: ObjectField[] }) {
  const examples = isObject(example) ? example : {};
  const usual = ({ name, required }: ObjectField) => required || name in examples;
  const extras = fields.filter((field) => !usual(field));
  const first = extras.length > mostExtras ? fields.filter(usual) : fields;
  const isThere = required || (isObject(value) && Object.keys(value).length > 0);
  const fieldOf = (field: ObjectField) => (
    <SchemaField
      key={field.name}
      about={about}
      path={join(path, field.name)}
      name={field.name}
      schema={field.schema}
      value={isObject(value) ? value[field.name] : undefined}
      onChange={(next) => fill(withField(value, field.name, next))}
      required={field.required && isThere}
      example={examples[field.name]}
    />
  );
  const content = (
    <>
      {first.map(fieldOf)}
      {first.length < fields.length && (
        <details class="more" open={extras.some(({ name }) => isFaulty(about, join(path, name)))}>
          <summary>
            {first.length === 0 ? "Options" : "More options"} <span class="faint">{extras.length}</span>
          </summary>
          <div class="stack">{extras.map(fieldOf)}</div>
        </details>
      )}
    </>
  );
  if (bare) return content;
  return <Group {...frame}>{content}</Group>;
}

function isFaulty({ errors }: About, path: string): boolean {
  return Object.keys(errors).some((at) => at === path || at.startsWith(`${path}.`));
}

function MapField({
  about,
  path,
  title,
  frame,
  value,
  fill,
  example,
  values,
}: PartProps & { values: Schema }) {
  // Names are written letter by letter, and two may be alike meanwhile, which an object cannot hold.
  const rows = useSignal<[string, Json][]>(entriesOf(value));
  if (JSON.stringify(objectOf(rows.value)) !== JSON.stringify(value ?? {})) rows.value = entriesOf(value);
  const change = (next: [string, Json][]) => {
    rows.value = next;
    fill(objectOf(next));
  };
  const [exampleEntry] = entriesOf(example);
  return (
    <Group {...frame}>
      {rows.value.map(([name, item], index) => (
        // What tells the rows apart is where they stand.
        <div class="list-row" key={index}>
          <div class="stack tight">
            <input
              class="input short"
              aria-label={`Name ${index + 1} in ${title}`}
              value={name}
              required
              placeholder={exampleEntry?.[0] ?? "name"}
              onInput={({ currentTarget }) => change(rows.value.with(index, [currentTarget.value, item]))}
            />
            <SchemaField
              about={about}
              path={join(path, name)}
              name={name || `Value ${index + 1}`}
              schema={values}
              value={item}
              onChange={(next) => change(rows.value.with(index, [name, next ?? null]))}
              required
              inRow
              example={exampleEntry?.[1]}
            />
          </div>
          <RemoveButton
            what={name || `row ${index + 1} of ${title}`}
            onClick={() => change(rows.value.toSpliced(index, 1))}
          />
        </div>
      ))}
      <AddButton
        to={title}
        onClick={() => {
          rows.value = [...rows.value, ["", blank(values, about.root) ?? null]];
        }}
      />
    </Group>
  );
}

function entriesOf(value: Json | undefined): [string, Json][] {
  return isObject(value) ? Object.entries(value) : [];
}

function objectOf(rows: [string, Json][]): JsonObject {
  return Object.fromEntries(rows.filter(([name]) => name !== ""));
}

function VariantsField({
  about,
  path,
  name,
  title,
  frame,
  value,
  onChange,
  required,
  variants,
}: PartProps & { variants: Variant[] }) {
  const at = variantOf(variants, value, about.root);
  const variant = variants[at]!;
  const choose = (index: number) => {
    const next = variants[index];
    if (!next) return onChange(undefined);
    // What the variants have in common need not be written again.
    const kept =
      isObject(value) && isObject(next.schema.properties) ? shared(value, next.schema.properties) : {};
    const begun = blank(next.schema, about.root);
    onChange(isObject(begun) ? { ...kept, ...begun, ...constantsOf(next.schema, about.root) } : begun);
  };
  const isChosen = value !== undefined && value !== null;
  return (
    <Group {...frame}>
      <SelectAt
        aria-label={`Kind of ${title}`}
        required={required}
        at={isChosen ? at : -1}
        none="None"
        labels={variants.map((one) => one.title)}
        choose={choose}
      />
      {isChosen && (
        <SchemaField
          key={at}
          about={about}
          path={path}
          name={name}
          schema={variant.schema}
          value={value}
          onChange={onChange}
          required
          bare
        />
      )}
    </Group>
  );
}

function shared(value: JsonObject, properties: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([name]) => name in properties));
}

function JsonField({ frame, value, onChange, required, example }: PartProps) {
  const written = useSignal(textOf(value));
  const read = parsed(written.value);
  // Somebody else has filled it in: what is written here says something else.
  if (read.ok && JSON.stringify(read.value) !== JSON.stringify(value)) written.value = textOf(value);
  const write = (element: HTMLTextAreaElement) => {
    written.value = element.value;
    const { ok, value, why } = parsed(element.value);
    element.setCustomValidity(why);
    if (ok) onChange(value);
  };
  return (
    <Field
      {...frame}
      hint={[frame.hint, "JSON"].filter(Boolean).join(". ")}
      problem={frame.problem ?? read.why}
    >
      {(attributes) => (
        <textarea
          {...attributes}
          class="input mono"
          rows={3}
          spellcheck={false}
          required={required}
          value={written.value}
          placeholder={example === undefined ? "" : JSON.stringify(example)}
          onInput={({ currentTarget }) => write(currentTarget)}
        />
      )}
    </Field>
  );
}

function textOf(value: Json | undefined): string {
  return value === undefined ? "" : JSON.stringify(value, null, 2);
}

function parsed(text: string): { ok: boolean; value: Json | undefined; why: string } {
  if (text.trim() === "") return { ok: true, value: undefined, why: "" };
  try {
    return { ok: true, value: JSON.parse(text) as Json, why: "" };
  } catch (error) {
    return { ok: false, value: undefined, why: `This is no JSON: ${(error as Error).message}` };
  }
}

function AddButton({ to, onClick }: { to: string; onClick: () => void }) {
  return (
    <div>
      <button type="button" class="button small" onClick={onClick}>
        Add<span class="hidden-visually"> to {to}</span>
      </button>
    </div>
  );
}

function RemoveButton({ what, onClick }: { what: string; onClick: () => void }) {
  return (
    <button type="button" class="button small quiet" onClick={onClick} aria-label={`Remove ${what}`}>
      ✕
    </button>
  );
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
