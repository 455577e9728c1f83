// The registry that is deployed for the comparison. It lies in a copy of the harness, next to the simulated model that
// all systems share; `repository` is a link to this project.
import "./call-log.mjs";
import { callModel } from "../lib/model.mjs";
import { referenceJob } from "./repository/bench/reference-job.ts";
import { registry } from "./repository/core/engine/registry.ts";

export const jobs = registry([referenceJob(callModel)]);
