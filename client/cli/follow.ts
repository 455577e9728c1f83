import type { Eta, JobView } from "../../core/protocol/wire.ts";
import type { Accepted } from "../views.ts";
import type { Session } from "./command.ts";
import { type Exit, exit, exitOfJob } from "./exit.ts";
import { jobNews, renderEnd, renderJob } from "./job-frame.ts";
import { applyToPicture, newPicture } from "./job-picture.ts";

/** What may be asked of every command that makes a job. */
export type Making = { detach?: boolean };

/** Makes a job and shows it until it ends, or says only which one it is. */
export async function begin(
  session: Session,
  { detach }: Making,
  make: (patient: { signal: AbortSignal }) => Promise<Pick<Accepted, "job_id">>,
): Promise<Exit> {
  // While the job is being accepted.
  if (!detach) session.client.connect();
  const accepted = await make({ signal: session.signal });
  if (!detach) return follow(session, accepted.job_id);
  session.answer(accepted, accepted.job_id);
  return exit.done;
}

/** Shows a job until it ends, or until whoever watches has seen enough: the job goes on without them. */
export async function follow(session: Session, jobId: string, after = 0): Promise<Exit> {
  const { json, terminal, client, signal } = session;
  try {
    const isLive = !json && terminal.stdout.isTTY && terminal.environment.TERM !== "dumb";
    if (json) await followAsJson(session, jobId, after);
    else if (isLive) await followAsFrame(session, jobId, after);
    else await followAsText(session, jobId, after);
    const job = await client.get(jobId, { signal });
    if (json) session.answer({ job }, "");
    else {
      session.draw(["", ...renderEnd(job, { width: widthOf(session), paint: session.paint })]);
      session.draw([session.paint("dim", `${session.url}/api/jobs/${jobId}`)]);
    }
    return exitOfJob(job.status);
  } catch (error) {
    if (!signal.aborted) throw error;
    session.complain(`\nThe job goes on. Come back with: convoke watch ${jobId}`);
    return exit.interrupted;
  }
}

export function widthOf({ terminal }: Session): number {
  return terminal.stdout.columns ?? 100;
}

async function followAsJson(
  { client, signal, answer }: Session,
  jobId: string,
  after: number,
): Promise<void> {
  for await (const event of client.watch(jobId, { after, signal })) answer(event, "");
}

async function followAsText(session: Session, jobId: string, after: number): Promise<void> {
  const { client, signal } = session;
  let picture = await pictureAt(session, jobId, after);
  for await (const event of client.watch(jobId, { after, signal })) {
    const before = picture;
    picture = applyToPicture(before, event);
    for (const line of jobNews(before, picture)) session.print(`${event.at}  ${line}`);
  }
}

const etaEveryMs = 5_000;

async function followAsFrame(session: Session, jobId: string, after: number): Promise<void> {
  const { client, signal, paint, terminal } = session;
  // Loaded only where there is something to redraw.
  const { createLogUpdate } = await import("log-update");
  const update = createLogUpdate(terminal.stdout);
  let picture = await pictureAt(session, jobId, after);
  let eta: Eta | null = null;
  const draw = () => {
    if (picture.seq === 0) return;
    const frame = { now: Date.now(), width: widthOf(session), height: terminal.stdout.rows, eta, paint };
    update(renderJob(picture, frame).join("\n"));
  };
  const ask = async () => {
    // What cannot be known now is left out.
    eta = (await client.get(jobId, { signal }).catch((): Pick<JobView, "eta"> => ({ eta: null }))).eta;
  };
  const ticking = [setInterval(draw, 100), setInterval(() => void ask(), etaEveryMs)];
  try {
    for await (const news of client.watch(jobId, { after, deltas: true, signal })) {
      picture = applyToPicture(picture, news);
    }
    eta = null;
    draw();
  } finally {
    for (const timer of ticking) clearInterval(timer);
    update.done();
  }
}

/** Somebody who comes back sees the whole, not only what is new. */
async function pictureAt({ client, signal }: Session, jobId: string, after: number) {
  let picture = newPicture(jobId);
  while (picture.seq < after) {
    const { events } = await client.events(jobId, { after: picture.seq, limit: 100, signal });
    const known = events.filter(({ seq }) => seq <= after);
    if (known.length === 0) break;
    picture = known.reduce(applyToPicture, picture);
  }
  return picture;
}
