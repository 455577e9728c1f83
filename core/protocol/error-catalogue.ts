/** What an error code means, for the person in front of it and for whoever has to do something about it. */
export type ErrorText = {
  /** Of those that answer a request. */
  status?: number;
  title: string;
  /** What has happened, and what one can do about it without knowing how the service works. */
  user: string;
  /** What it means, where to look, what to change. */
  developer: string;
};

/** Every code that leaves this service. `docs/errors.md` and `GET /api/errors` are made of it. */
export const errorCatalogue = {
  // Answers to requests.
  invalid_request: {
    status: 400,
    title: "Invalid request",
    user: "Something in the request is missing or not as it has to be. Correct the field that is named and send it again.",
    developer:
      "`errors[]` names the fields. The schemas are in /api/openapi.json, those of inputs in GET /api/job-types. Nothing was written.",
  },
  unauthorized: {
    status: 401,
    title: "Not authenticated",
    user: "The service does not know you, or your sign-in has run out. Sign in again.",
    developer:
      "Send `Authorization: Bearer <key or token>`. The key is unknown, revoked or expired, or the token is not of the issuer and audience that the deployment trusts.",
  },
  forbidden: {
    status: 403,
    title: "Not allowed",
    user: "You may not do this. Ask whoever manages the access for it.",
    developer:
      "`detail` names the scope that the key or token lacks, or the question is for other answerers. Keys get their scopes when they are made.",
  },
  not_found: {
    status: 404,
    title: "Not found",
    user: "There is nothing here, or not any more: what has ended is kept for thirty days.",
    developer:
      "Unknown id, expired, or another tenant's: they look alike on purpose. Check the id, and which tenant the key belongs to.",
  },
  method_not_allowed: {
    status: 405,
    title: "Method not allowed",
    user: "The program that you use has asked in a way that the service does not know. Update it.",
    developer: "The header `Allow` has the methods of this path.",
  },
  conflict: {
    status: 409,
    title: "Conflict",
    user: "It is too late for this, or somebody else was quicker. Look at how things stand and decide again.",
    developer:
      "The request is in order, but not in this state; further members say what stands (`job_status`, `decision`, `outcome`, ...). Read it again; do not repeat the request as it is.",
  },
  conversation_busy: {
    status: 409,
    title: "Conversation busy",
    user: "The last message is still being answered. Wait for the answer, or cancel it.",
    developer: "`on_busy` was `reject`. `enqueue` waits in line, `interrupt` cancels what is at work.",
  },
  too_large: {
    status: 413,
    title: "Too large",
    user: "This is more than the service takes. Send less.",
    developer:
      "A body has 256 KB, an upload 50 MB or a million values. Upload large inputs with POST /api/uploads and name them as `input_ref`.",
  },
  unsupported_media_type: {
    status: 415,
    title: "Unsupported media type",
    user: "The program that you use has sent something that the service cannot read. Update it.",
    developer: "Send JSON as `application/json`, uncompressed.",
  },
  idempotency_key_reused: {
    status: 422,
    title: "Idempotency key reused",
    user: "This request has been made before, with other contents. Begin again.",
    developer:
      "The `Idempotency-Key` belongs to another body. Use a new key for a new request; keys are kept for a day.",
  },
  limit_reached: {
    status: 429,
    title: "Limit reached",
    user: "There is as much of this as there may be for now. Try again later, or end something first.",
    developer: "`detail` names the limit, further members say when there may be more.",
  },
  internal_error: {
    status: 500,
    title: "Internal error",
    user: "Something went wrong on our side. Try again; if it stays, report the request id.",
    developer:
      "A surprise. Find `request_id` in the log of the function: the line `request failed` has the place in the code.",
  },
  unavailable: {
    status: 503,
    title: "Unavailable for the moment",
    user: "The service is overloaded for a moment. Try again shortly.",
    developer:
      "DynamoDB, SQS or S3 refused or was silent after all retries. Ask again with the same idempotency key; if it lasts, look at the throttles and alarms of the table.",
  },

  // Said by the WebSocket, or by our own clients.
  too_many_watches: {
    title: "Too many watches",
    user: "Too many jobs are watched at once in this window. Close some of them.",
    developer: "A connection watches fifty jobs. Unwatch what has ended, or open another connection.",
  },
  rate_limited: {
    title: "Too many requests",
    user: "Too much is asked at once. It goes on by itself in a moment.",
    developer: "The gateway has throttled the stage or the tenant. The client waits as `Retry-After` says.",
  },
  unreachable: {
    title: "No answer",
    user: "The service cannot be reached. Check the connection; what has begun goes on meanwhile.",
    developer: "No answer came, or none in time: wrong address, no network, or nothing listens there.",
  },
  unreadable: {
    title: "Answer unreadable",
    user: "The answer got damaged on the way. Try again.",
    developer: "Cut off, no JSON, or not this service's: look for a proxy, and at the address.",
  },

  // Why any job may fail.
  error: {
    title: "Error in the job",
    user: "The work could not be finished because of a fault in the program. Report the job's id.",
    developer:
      "The job function or a step threw something without a code: `name` and `message` are the error's. Throw `StepFailed` for what is expected. A retry goes on from the failed step.",
  },
  step_timeout: {
    title: "Step took too long",
    user: "A part of the work took too long. Try again.",
    developer: "An attempt was longer than the step's `timeout`. Raise it, or make the step smaller.",
  },
  step_interrupted: {
    title: "Step interrupted",
    user: "A part of the work was cut off, and was not begun again because it might have happened twice. Check, then try again.",
    developer:
      "The worker died in a step with AT_MOST_ONCE_PER_RETRY and its retry strategy gave up. Find out whether it took effect, then retry the job.",
  },
  condition_timeout: {
    title: "Condition not met in time",
    user: "What the work waited for did not happen in time.",
    developer: "The condition of `waitForCondition` did not hold within its `timeout`.",
  },
  not_serializable: {
    title: "Result cannot be kept",
    user: "The work could not be saved because of a fault in the program. Report the job's id.",
    developer:
      "A step returned something that is no JSON (a function, a cycle, a BigInt). Return plain data.",
  },
  duplicate_step: {
    title: "Step name used twice",
    user: "The work could not be done because of a fault in the program. Report the job's id.",
    developer: "Two steps of one scope that run together have the same name. Name them apart.",
  },
  nested_step: {
    title: "Step within a step",
    user: "The work could not be done because of a fault in the program. Report the job's id.",
    developer:
      "The context was used inside a step's function. Use `runInChildContext` around steps that belong together.",
  },
  batch_failed: {
    title: "Too many parts failed",
    user: "Too many parts of the work failed.",
    developer: "`completionConfig` called the branches a failure: their own errors are in the journal.",
  },
  callback_timeout: {
    title: "No answer from outside",
    user: "Another system did not answer in time.",
    developer: "Nobody completed the callback, or the child job did not end, within the `timeout`.",
  },
  callback_heartbeat_missed: {
    title: "No sign of life",
    user: "Another system went silent while it worked for you.",
    developer: "No heartbeat came to the callback within `heartbeatTimeout`.",
  },
  ask_expired: {
    title: "Nobody answered",
    user: "A question was not answered in time. Begin again, and answer it.",
    developer: "The deadline of `ctx.ask` passed and there is no `default`.",
  },
  callback_failed: {
    title: "Failed outside",
    user: "Another system could not do its part.",
    developer: "Whoever answered the callback said so, without a code of its own; `message` is theirs.",
  },
  child_cancelled: {
    title: "Part was cancelled",
    user: "A part of the work was cancelled.",
    developer: "The child job of `ctx.invoke` was cancelled; `message` has its id.",
  },
  budget_exceeded: {
    title: "Budget used up",
    user: "The work needed more than it was allowed. Raise its budget and try again.",
    developer:
      "`message` names the limit (steps, hops, age, tokens, dollars, events). Raise the job's `budget`, or look for a loop. A retry keeps what is paid for.",
  },
  dependency_failed: {
    title: "Earlier job failed",
    user: "Something that had to be done first was not completed.",
    developer: "`details.job_id` has not completed. Retry it, or say `on_dependency_failure: continue`.",
  },
  expired_before_start: {
    title: "Not begun in time",
    user: "The work had not begun by the time you gave it. Try again with more time.",
    developer: "`start_by` passed before a worker took the job: look at the queue of its lane.",
  },
  job_stuck: {
    title: "Job waits for nothing",
    user: "The work came to a standstill because of a fault in the program. Report the job's id.",
    developer: "The job function awaits a promise that is none of its context's. Wait through `ctx` only.",
  },
  payload_gone: {
    title: "Data lost",
    user: "A part of what the work needs does not exist any more. Begin again.",
    developer: "A value that the journal refers to is missing in the bucket: look at its lifecycle rules.",
  },
  worker_died: {
    title: "Workers died",
    user: "The work broke off several times. Report the job's id.",
    developer:
      "Workers died over it in a row, or ran out of time, before anything was recorded. `details.steps` says where: an endless loop, memory, `process.exit`, or a step longer than an invocation.",
  },

  // Models.
  model_rate_limited: {
    title: "Model overloaded",
    user: "The model has too many requests at the moment. Try again in a few minutes.",
    developer:
      "429 after all retries. Ask the provider for a higher quota, name other models as well, or lower `concurrency`.",
  },
  model_unavailable: {
    title: "Model unavailable",
    user: "The model cannot be reached at the moment. Try again in a few minutes, or choose another one.",
    developer:
      "5xx or no connection; `details` has the provider's status. Name models that stand in, or allow the mock.",
  },
  model_timeout: {
    title: "Model too slow",
    user: "The model took too long. Try again, or choose another one.",
    developer:
      "No sign of life within the idle time-out, or no end within the total one (`timeout`, `idleTimeout`).",
  },
  model_garbled: {
    title: "Model's answer unreadable",
    user: "The model's answer could not be read. Try again, or choose another one.",
    developer:
      "The answer is empty, cut off or not in the provider's protocol: check the base URL and the model's name.",
  },
  model_rejected: {
    title: "Model refused",
    user: "The model's provider did not accept the request. Shorten it, or choose another model.",
    developer:
      "400, 401, 403, 404 or no money left: `details.provider_code` says which. Check the key, the model's name and the length of the prompt.",
  },
  model_unknown: {
    title: "Model unknown",
    user: "This model does not exist here. Choose another one.",
    developer: "No provider of that name, or no key for it in this deployment (docs/models.md).",
  },
  model_aborted: {
    title: "Model call aborted",
    user: "The work was cancelled while a model was answering.",
    developer: "The signal of a cancel, a time-out or the end of the invocation. It is no fault.",
  },
  answer_empty: {
    title: "Empty answer",
    user: "The model said nothing. Try again, or choose another one.",
    developer: "No text came; thinking may have used up `maxOutputTokens`.",
  },
  answer_filtered: {
    title: "Answer withheld",
    user: "The model's provider withheld the answer. Say it differently.",
    developer: "The provider's content filter. The same prompt brings the same.",
  },
  answer_unusable: {
    title: "Answer in the wrong form",
    user: "The model did not answer in the form that was needed. Try again, or choose another one.",
    developer:
      "It missed the schema twice; `details.text` has the beginning of what it said. Smaller models often do.",
  },

  // Work of others.
  operation_rejected: {
    title: "Request refused",
    user: "The provider did not accept the request. Change it, or choose another provider.",
    developer: "4xx: `details` has the provider's status and word. Check the request and the key.",
  },
  operation_rate_limited: {
    title: "Provider overloaded",
    user: "The provider has too many requests at the moment. Try again later.",
    developer: "429 after all retries: the provider's quota.",
  },
  operation_unavailable: {
    title: "Provider unavailable",
    user: "The provider cannot be reached, and it is not certain whether it has begun. Check before you try again.",
    developer:
      "5xx, silence or no connection at the start of something that is not `idempotent`, so it was not begun again.",
  },
  operation_garbled: {
    title: "Provider's answer unreadable",
    user: "The provider's answer could not be understood.",
    developer: "It lacks the operation's id or status: check `read`, or the provider's version.",
  },
  operation_unknown: {
    title: "Provider unknown",
    user: "This provider does not exist here. Choose another one.",
    developer:
      "No provider of that prefix, no key, or the host is not in OPERATION_HOSTS (docs/jobs/video.md).",
  },
  operation_failed: {
    title: "Provider failed",
    user: "The provider could not do it. Try again, or ask for something else.",
    developer: "The provider calls it failed; `message` and `details` have what it said.",
  },
  operation_lost: {
    title: "Provider lost",
    user: "The provider did not say any more how it goes. What it does may still be paid for.",
    developer:
      "It could not be asked twenty times in a row. `message` has the last reason; look with the operation's id.",
  },
  operation_timeout: {
    title: "Provider too slow",
    user: "The provider took too long, and was told to stop.",
    developer: "Not ended within `timeout_seconds`; it was called off where the provider knows that.",
  },
  egress_refused: {
    title: "Address not allowed",
    user: "The service does not call this address.",
    developer:
      "The host is not allowed, or leads inside: OPERATION_HOSTS and WEBHOOK_HOSTS name those that are.",
  },
  egress_failed: {
    title: "Address does not answer",
    user: "The other service did not answer.",
    developer: "No whole answer within the time and size allowed.",
  },
  webhook_refused: {
    title: "Webhook refused",
    user: "The address that was to be told of the end did not take the message.",
    developer:
      "It answered with 4xx. The job of type `notification` has the status; retry it once the receiver is mended.",
  },

  // Of single job types.
  quorum_not_reached: {
    title: "Too few members answered",
    user: "Too few members of the council answered. Try again, or choose others.",
    developer:
      "`details` has every member's failure. Lower `quorum`, or mend the models. A retry asks only those that failed.",
  },
  synthesis_failed: {
    title: "No conclusion",
    user: "The members answered, but nobody could write the conclusion. Try again.",
    developer: "The chairman and all who stand in failed. A retry pays for the conclusion only.",
  },
  no_translation: {
    title: "No language worked",
    user: "The text could not be translated into any of the languages. Try again.",
    developer: "Every round trip failed; `message` has why.",
  },
  plan_rejected: {
    title: "Plan rejected",
    user: "The plan was rejected as often as it may be. Begin again, and say in more detail what you expect.",
    developer: "Four plans were rejected (docs/jobs/audit.md).",
  },
  cycles_exhausted: {
    title: "Not done in time",
    user: "The audit was not done within its cycles. Try again, or allow more of them.",
    developer: "`max_cycles` went by; the workflow's `errors` say what failed in them.",
  },
  generation_incomplete: {
    title: "Files missing",
    user: "Some files could not be written. Generate again: what is there is kept.",
    developer: "`details` has the files and why. Generating again goes on with the unfinished ones.",
  },
  file_empty: {
    title: "Empty file",
    user: "A file came out empty. Generate again.",
    developer: "The model wrote nothing for it, also when asked again.",
  },
  file_truncated: {
    title: "File cut off",
    user: "A file is longer than a model can write. Ask for smaller files.",
    developer: "The model reached its output limit; the architecture should split the file.",
  },
  file_too_large: {
    title: "File too large",
    user: "A file is larger than it may be. Ask for smaller files.",
    developer: "The limit is in docs/jobs/generation.md.",
  },
  nobody_fits: {
    title: "Message not understood",
    user: "It was not clear what was wanted. Say it in more words.",
    developer: "The router was told which specialists may be chosen, and none of them fits the message.",
  },
  video_withheld: {
    title: "Video withheld",
    user: "The provider made a video and kept it to itself, because of its rules. Describe something else.",
    developer: "The provider's safety filter; `message` has its word for it.",
  },
  video_empty: {
    title: "Video empty",
    user: "The provider's video was empty. Try again.",
    developer: "The file had no bytes, in all attempts.",
  },
} satisfies Record<string, ErrorText>;

/** Codes of job types that are not ours, and of whoever answers a callback. */
const others: ErrorText = {
  title: "Failed",
  user: "The work could not be finished.",
  developer:
    "The code is not the service's own: it is the job type's, the provider's, or that of whoever answered a callback.",
};

export function textOf(code: string): ErrorText {
  const known: Record<string, ErrorText> = errorCatalogue;
  return Object.hasOwn(known, code) ? known[code]! : others;
}
