import { useSignal } from "@preact/signals";
import { bytes } from "../ui/numbers.ts";
import { Card, Note, Scrollable } from "../ui/parts.tsx";
import {
  type FileView,
  type Folder,
  folderOf,
  type GenerationView,
  generationView,
  type ReviewView,
} from "./generation.ts";
import {
  CopyButton,
  DownloadButton,
  Given,
  Labelled,
  Marks,
  ModelName,
  PartState,
  Points,
  Stages,
} from "./parts.tsx";
import type { GenerationInput, GenerationResult } from "./shapes.ts";
import type { Shown } from "./shown.ts";
import { useCameLater } from "./use-work.ts";

export function Generation({ jobId, input, result, work }: Shown) {
  const view = generationView(
    input as GenerationInput | undefined,
    result as GenerationResult | undefined,
    work,
  );
  const { name = "project", description } = (input ?? {}) as Partial<GenerationInput>;
  const filesFirst = useCameLater(work);
  const files = view.files.length > 0 && (
    <>
      <Files view={view} bundle={result ? `/api/jobs/${jobId}/bundle` : undefined} />
      <Tasks of={view.files} />
    </>
  );
  return (
    <div class="stack">
      <Card title={name}>
        <div class="stack">
          {description && <Given text={description} />}
          <Stages label="Stages of the generation" of={view.stages} />
        </div>
      </Card>
      {filesFirst && files}
      {view.specification && <Specified view={view} />}
      {!filesFirst && files}
      {view.reviews.length > 0 && (
        <Card title="Reviews">
          <div class="stack">
            {view.reviews.map((review) => (
              <Review key={review.round} of={review} />
            ))}
          </div>
        </Card>
      )}
    </div>
  );
}

/** @param bundle - where all of them are in one file, once they are all there. */
function Files({ view, bundle }: { view: GenerationView; bundle: string | undefined }) {
  const picked = useSignal<string | undefined>(undefined);
  const { files } = view;
  const shown =
    files.find(({ path }) => path === picked.value) ??
    files.find(({ status }) => status === "running") ??
    files.find(({ path }) => /^readme/i.test(path)) ??
    files[0]!;
  const there = files.filter(({ content }) => content !== undefined).length;
  return (
    <Card
      title="Files"
      actions={
        <>
          <span class="small faint number">{`${there} of ${files.length}`}</span>
          {bundle && (
            <a class="button quiet small" href={bundle} download>
              Download all
            </a>
          )}
        </>
      }
      bare
    >
      <div class="files">
        <nav class="files-tree" aria-label="Files">
          <Tree
            of={folderOf(files.map(({ path }) => path))}
            statusOf={(path) => files.find((file) => file.path === path)!.status}
            selected={shown.path}
            onSelect={(path) => {
              picked.value = path;
            }}
          />
        </nav>
        <Viewer key={shown.path} of={shown} />
      </div>
    </Card>
  );
}

function Tree({
  of,
  statusOf,
  selected,
  onSelect,
}: {
  of: Folder;
  statusOf: (path: string) => string;
  selected: string;
  onSelect: (path: string) => void;
}) {
  return (
    <ul>
      {of.folders.map((folder) => (
        <li key={folder.name}>
          <span class="faint">{folder.name}/</span>
          <Tree of={folder} statusOf={statusOf} selected={selected} onSelect={onSelect} />
        </li>
      ))}
      {of.files.map(({ name, path }) => (
        <li key={path}>
          <button
            type="button"
            class={`dotted ${statusOf(path)}`}
            aria-current={path === selected ? "true" : undefined}
            onClick={() => onSelect(path)}
          >
            {name}
            <span class="hidden-visually">, {statusOf(path)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function Tasks({ of }: { of: FileView[] }) {
  if (of.every(({ instructions }) => instructions === undefined)) return null;
  return (
    <Card title="Tasks" bare>
      <div class="table-scroll">
        <table class="table">
          <thead>
            <tr>
              <th>File</th>
              <th>State</th>
              <th>Builds on</th>
              <th>Developer</th>
            </tr>
          </thead>
          <tbody>
            {of.map(({ path, status, dependsOn, artifact }) => (
              <tr key={path}>
                <td class="mono">{path}</td>
                <td>
                  <PartState of={status} />
                </td>
                <td class="mono small">{dependsOn.join(", ") || "–"}</td>
                <td>{artifact ? <ModelName name={artifact.model} /> : "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Viewer({ of }: { of: FileView }) {
  const { path, purpose, status, artifact, content, writing, failure, dependsOn, instructions, fixes } = of;
  return (
    <div class="files-viewer">
      <header class="row">
        <h3 class="mono">{path}</h3>
        {status !== "completed" && <PartState of={status} />}
        <Marks of={artifact?.mock ? { ...writing, mock: true } : writing} />
        {artifact && (
          <span class="small faint">
            {bytes(artifact.bytes)}, by <ModelName name={artifact.model} />
          </span>
        )}
        {fixes > 0 && <span class="tag">{fixes === 1 ? "mended once" : `mended ${fixes} times`}</span>}
        {content !== undefined && (
          <span class="row end">
            <CopyButton text={content} what={path} />
            <DownloadButton
              name={path.slice(path.lastIndexOf("/") + 1)}
              type="text/plain"
              content={() => content}
            />
          </span>
        )}
      </header>
      <p class="small soft">{purpose}</p>
      {(instructions || dependsOn.length > 0) && (
        <details class="small">
          <summary>Task</summary>
          <div class="stack tight">
            {instructions && <p class="plain">{instructions}</p>}
            {dependsOn.length > 0 && (
              <p>
                Builds on{" "}
                {dependsOn.map((other, index) => (
                  <span key={other}>
                    {index > 0 && ", "}
                    <code>{other}</code>
                  </span>
                ))}
              </p>
            )}
          </div>
        </details>
      )}
      {failure && status === "failed" && (
        <Note status="failed">
          <span>{failure.message}</span> <code class="small">{failure.code}</code>
        </Note>
      )}
      {content !== undefined ? (
        <Code text={content} label={path} />
      ) : writing.arriving ? (
        <Arriving text={writing.arriving} label={path} />
      ) : (
        <p class="code empty">
          {status === "completed" ? "The job itself has the content." : "Not written yet."}
        </p>
      )}
    </div>
  );
}

/** Plain, with the numbers of the lines beside it, where a selection does not catch them. */
function Code({ text, label }: { text: string; label: string }) {
  const lines = text.replace(/\n$/, "").split("\n");
  return (
    <Scrollable label={`Content of ${label}`} kind="code">
      <pre class="code-numbers" aria-hidden="true">
        {lines.map((_, index) => index + 1).join("\n")}
      </pre>
      <pre>{text}</pre>
    </Scrollable>
  );
}

function Arriving({ text, label }: { text: NonNullable<FileView["writing"]["arriving"]>; label: string }) {
  return (
    <Scrollable label={`Content of ${label}, as it is written`} kind="code">
      <pre class="typing">{text}</pre>
    </Scrollable>
  );
}

function Specified({ view }: { view: GenerationView }) {
  const { specification, decisions, architecture, questions } = view;
  return (
    <Card title="Specification">
      <div class="stack">
        <p class="plain">{specification!.summary}</p>
        <div class="columns">
          <Labelled label="Features">
            <Points of={specification!.features} />
          </Labelled>
          <Labelled label="Constraints">
            <Points of={specification!.constraints} />
          </Labelled>
        </div>
        {questions.length > 0 && (
          <Labelled label="Open questions">
            <Points
              of={questions.map(
                ({ question, assumption }) => `${question} (Without an answer: ${assumption})`,
              )}
            />
          </Labelled>
        )}
        {decisions.length > 0 && (
          <Labelled label="What was unclear">
            <ul class="points">
              {decisions.map(({ question, answer, by }) => (
                <li key={question}>
                  {question} <strong>{answer}</strong>{" "}
                  <span class="tag">{by === "user" ? "answered" : "assumed"}</span>
                </li>
              ))}
            </ul>
          </Labelled>
        )}
        {architecture && (
          <Labelled label="Architecture">
            <p class="plain">{architecture.overview}</p>
            <p class="row">
              {architecture.technologies.map((technology) => (
                <span key={technology} class="tag">
                  {technology}
                </span>
              ))}
            </p>
          </Labelled>
        )}
      </div>
    </Card>
  );
}

function Review({ of }: { of: ReviewView }) {
  const { round, status, summary, findings } = of;
  return (
    <Labelled label={`Review ${round}`} aside={<PartState of={status} />}>
      {summary && <p class="plain">{summary}</p>}
      {status === "completed" && findings.length === 0 && <p class="soft">Nothing has to change.</p>}
      {findings.length > 0 && (
        <ul class="points">
          {findings.map(({ path, problem, change }, index) => (
            <li key={index}>
              <code>{path}</code>: {problem} <span class="soft">{change}</span>
            </li>
          ))}
        </ul>
      )}
    </Labelled>
  );
}
