import { CfnOutput, Stack } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { Alarms } from "./alarms.ts";
import { Api } from "./api.ts";
import type { Bundles } from "./bundle.ts";
import { Console } from "./console.ts";
import { Dashboard } from "./dashboard.ts";
import type { Environment } from "./environment.ts";
import { Journal } from "./journal.ts";
import { Payloads } from "./payloads.ts";
import { Progress } from "./progress.ts";
import { WorkQueue } from "./queue.ts";
import { Sockets } from "./sockets.ts";
import { Sweeper } from "./sweeper.ts";
import { Worker } from "./worker.ts";

/** The whole system: its stops, then who hands what to whom. */
export class ConvokeStack extends Stack {
  constructor(scope: Construct, environment: Environment, bundles: Bundles, page: string) {
    super(scope, `Convoke-${environment.name}`, {
      description: "Long LLM orchestrations as durable jobs",
      terminationProtection: environment.production,
    });
    const plan = { environment, bundles, page };

    const api = new Api(this, "Api", plan);
    const queue = new WorkQueue(this, "Queue", environment);
    const worker = new Worker(this, "Worker", plan);
    const journal = new Journal(this, "Journal", environment);
    const payloads = new Payloads(this, "Payloads", environment);
    const progress = new Progress(this, "Progress", plan);
    const sockets = new Sockets(this, "Sockets", plan);
    const sweeper = new Sweeper(this, "Sweeper", plan);
    const site = new Console(this, "Console", plan, { api, sockets, payloads });

    // A request becomes a job in the journal, then a message.
    journal.grantRead(api.fn);
    journal.grantIndex(api.fn, "list");
    journal.grantWrite(api.fn);
    payloads.grantReadWrite(api.fn);
    queue.grantSend(api.fn);
    sockets.tellAddress(api.fn);

    // The message wakes a worker, which appends to the journal and may ask for another pass.
    worker.consume(queue, environment.lanes);
    api.tellAddress(worker.fn);
    journal.grantRead(worker.fn);
    journal.grantWrite(worker.fn);
    payloads.grantReadWrite(worker.fn);
    queue.grantSend(worker.fn);

    // What was appended comes out of the stream and goes to those who watch.
    progress.follow(journal);
    journal.grantWatches(progress.fn);
    sockets.grantPost(progress.fn);

    // A watcher is admitted, told what it missed, and remembered.
    journal.grantRead(sockets.fn);
    journal.grantWrite(sockets.fn);
    sockets.grantPost(sockets.fn);
    site.admit(sockets.fn);

    // Behind all of them: what is overdue or was given up is decided anew, and schedules submit their jobs.
    sweeper.consume(queue);
    journal.grantDue(sweeper.fn);
    journal.grantSubmit(sweeper.fn);
    payloads.grantWrite(sweeper.fn);
    queue.grantSend(sweeper.fn);

    if (environment.production) {
      const functions = {
        api: api.fn,
        worker: worker.fn,
        progress: progress.fn,
        sockets: sockets.fn,
        sweeper: sweeper.fn,
      };
      new Dashboard(this, "Dashboard", { functions, queue, journal, progress });
      const alarms = new Alarms(this, "Alarms", { queue, worker, progress, sweeper });
      new CfnOutput(this, "AlarmTopic", { value: alarms.topic.topicArn });
    }

    new CfnOutput(this, "ConsoleUrl", { value: site.url });
    new CfnOutput(this, "HttpUrl", { value: api.url });
    new CfnOutput(this, "WebSocketUrl", { value: sockets.url });
    new CfnOutput(this, "TableName", { value: journal.table.tableName });
  }
}
