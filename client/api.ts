// Written by `node client/write-api.ts` from functions/api/openapi.json, which comes from the schemas of the routes.
import type { Entry } from "../core/protocol/event.ts";
import type { Budget, Failure, JobStatus, Usage } from "../core/protocol/job.ts";
import type { Json } from "../core/protocol/json.ts";
import type { EventView, FailureView, JobSummary, JobView } from "../core/protocol/wire.ts";

/** What is asked for and given, by its name in the document. */
export type Schemas = {
  /** Size and SHA-256 of the JSON that was, or will be, uploaded */
  Uploaded: { bytes: number; sha256: string };
  ProjectionInput: {
    narrative: string;
    /** Default: as configured, else neutral. neutral: A reporter without a stake in the matter. advocate: Somebody who takes the side of those to whom it happens. critic: Somebody who asks what is wrong with the account. philosopher: Somebody who asks what it means that it happened. storyteller: Somebody who has told it by the fire many times. scientist: Somebody who describes what can be observed. artist: Somebody to whom it is shape, colour and tension */
    persona?: "neutral" | "advocate" | "critic" | "philosopher" | "storyteller" | "scientist" | "artist";
    /** Default: as configured, else lamish-galaxy. lamish-galaxy: A civilization between the stars whose order is sound: whoever is in tune belongs. medieval-realm: A realm of castles, markets and monasteries. corporate-dystopia: A city that belongs to three companies. natural-world: A landscape in which animals, plants and weather act. quantum-realm: A country in which nothing is decided until somebody looks. steampunk-era: An empire of brass, coal and airships. cyberpunk-future: Neon, rain, and minds that can be copied */
    namespace?:
      | "lamish-galaxy"
      | "medieval-realm"
      | "corporate-dystopia"
      | "natural-world"
      | "quantum-realm"
      | "steampunk-era"
      | "cyberpunk-future";
    /** Default: as configured, else standard. standard: Plain prose. academic: As in a journal of the humanities. poetic: Prose that wants to be heard. technical: As in a manual. casual: As told to a friend. formal: As in a letter to an authority. archaic: As if written some centuries ago. futuristic: As if written some centuries from now */
    style?: "standard" | "academic" | "poetic" | "technical" | "casual" | "formal" | "archaic" | "futuristic";
    /** Whether the result lists its steps. Default: true */
    show_steps?: boolean;
    /** Who does the work; the others stand in for the first, in this order. Default: the deployment's models */
    models?: string[];
    /** When all models have failed a mock model answers, and what it wrote is marked. Default: the deployment's choice */
    allow_mock?: boolean;
  };
  TranslationInput: {
    text: string;
    intermediate_language:
      | "spanish"
      | "french"
      | "german"
      | "italian"
      | "portuguese"
      | "russian"
      | "chinese"
      | "japanese"
      | "korean"
      | "arabic"
      | "hebrew"
      | "hindi"
      | "dutch"
      | "swedish"
      | "norwegian"
      | "danish"
      | "polish"
      | "czech";
    /** Default: english */
    source_language?: string;
    /** Who does the work; the others stand in for the first, in this order. Default: the deployment's models */
    models?: string[];
    /** When all models have failed a mock model answers, and what it wrote is marked. Default: the deployment's choice */
    allow_mock?: boolean;
  };
  StabilityInput: {
    text: string;
    /** Default: spanish, french, german, chinese, arabic */
    languages?: (
      | "spanish"
      | "french"
      | "german"
      | "italian"
      | "portuguese"
      | "russian"
      | "chinese"
      | "japanese"
      | "korean"
      | "arabic"
      | "hebrew"
      | "hindi"
      | "dutch"
      | "swedish"
      | "norwegian"
      | "danish"
      | "polish"
      | "czech"
    )[];
    /** Default: english */
    source_language?: string;
    /** Who does the work; the others stand in for the first, in this order. Default: the deployment's models */
    models?: string[];
    /** When all models have failed a mock model answers, and what it wrote is marked. Default: the deployment's choice */
    allow_mock?: boolean;
  };
  MaieuticInput: {
    narrative: string;
    /** Default: understand */
    goal?: "understand" | "clarify" | "discover" | "question";
    /** Default: 5, one for each depth */
    max_turns?: number;
    /** `false` prepares all questions at once and waits for no answer. Default: true */
    interactive?: boolean;
    /** Who does the work; the others stand in for the first, in this order. Default: the deployment's models */
    models?: string[];
    /** When all models have failed a mock model answers, and what it wrote is marked. Default: the deployment's choice */
    allow_mock?: boolean;
  };
  MaieuticAnswer: {
    /** quit, exit or done ends the dialogue */
    answer?: string;
    /** Which question is answered. With it an answer may be sent twice and counts once */
    turn?: number;
    /** Whether a projection shall be made */
    accept?: boolean;
    persona?: "neutral" | "advocate" | "critic" | "philosopher" | "storyteller" | "scientist" | "artist";
    namespace?:
      | "lamish-galaxy"
      | "medieval-realm"
      | "corporate-dystopia"
      | "natural-world"
      | "quantum-realm"
      | "steampunk-era"
      | "cyberpunk-future";
    style?: "standard" | "academic" | "poetic" | "technical" | "casual" | "formal" | "archaic" | "futuristic";
  };

  /** What is absent stays as it is */
  ConfigurationChange: {
    /** As `field_type` says. `null` takes a core field back to its preset */
    value?: Json;
    /** Of a new field. Default: text */
    field_type?: "text" | "number" | "boolean" | "select" | "textarea" | "json";
    description?: string;
    /** What a `select` may be */
    options?: string[];
    /** How the value is said in a prompt; `{value}` is where it stands */
    prompt_template?: string;
    /** Heavier fields are said first, those of weight 0 not at all. Default: 1 */
    weight?: number;
    /** Of the attribute, if it has to be this one */
    version?: number;
  };
  AuditInput: {
    /** What the report is called where it comes from */
    enterprise_report_id: string;
    /** Ids of GET /api/norms */
    selected_norms: (
      | "ifrs"
      | "gaap"
      | "cgi_maroc"
      | "iso_9001"
      | "iso_14001"
      | "iso_27001"
      | "coso"
      | "sarbanes_oxley"
      | "gdpr"
      | "loi_comptable_maroc"
      | "cgnc"
      | "tva_maroc"
      | "ir_maroc"
      | "is_maroc"
    )[];
    /** For whom; kept as it is */
    user_id?: string;
    /** The report's text. Without it the audit says what has to be examined, and verifies nothing */
    report?: string;
    /** Without completion after so many cycles the audit fails. Default: 15 */
    max_cycles?: number;
    /** Between two cycles. Default: 1 */
    cycle_delay_seconds?: number;
    /** Who does the work; the others stand in for the first, in this order. Default: the deployment's models */
    models?: string[];
    /** When all models have failed a mock model answers, and what it wrote is marked. Default: the deployment's choice */
    allow_mock?: boolean;
  };
  ProjectRequest: {
    name: string;
    /** What is to be built */
    description: string;
    /** Languages, frameworks, conventions */
    preferences?: string;
    /** Whether to ask when something is unclear, or to go on with an assumption. Default: true */
    ask?: boolean;
    /** Without an answer by then the assumption stands. Default: 1440 */
    answer_within_minutes?: number;
    /** Default: 20 */
    max_files?: number;
    /** Files that are written at the same time. Default: 4 */
    max_parallel?: number;
    /** How often what the reviewer finds is mended and reviewed again. Default: 2 */
    max_fix_rounds?: number;
    /** Who does the work; the others stand in for the first, in this order. Default: the deployment's models */
    models?: string[];
    /** When all models have failed a mock model answers, and what it wrote is marked. Default: the deployment's choice */
    allow_mock?: boolean;
  };

  /** RFC 9457 problem details */
  Problem: {
    type: string;
    title: string;
    status: number;
    /** For people */
    detail: string;
    /** For programs; never changes */
    code: string;
    request_id: string;
    /** The faulty fields of a request */
    errors?: { field: string; message: string }[];
    [field: string]: Json | undefined;
  };
  JobType: {
    type: string;
    version: number;
    /** All that live here, newest first: a job goes on with the version it was submitted to */
    versions: number[];
    summary: string;
    /** Can answer messages of a conversation */
    conversational: boolean;
    /** JSON Schema, draft 2020-12 */
    input_schema: { [field: string]: Json };
    /** JSON Schema, draft 2020-12 */
    result_schema: { [field: string]: Json };
    /** Any JSON value */
    example: Json;
  };
  Progress: {
    current_step: string;
    total_steps: number;
    completed_steps: number;
    /** 0 to 100, never falling; 100 only at the end */
    percentage: number;
    details: string;
    /** Some step has answered with less than was asked for */
    degraded?: true;
    /** What somebody else is doing for the job, as long as they do */
    operation?: {
      /** Its provider's own */
      id: string;
      state: "pending";
      polls: number;
      elapsed_seconds: number;
      eta_seconds?: number;
      percentage?: number;
    };
    /** ISO 8601, ends in Z */
    timestamp: string;
  };

  /** Something outside that the job waits for */
  Callback: {
    id: string;
    step: string;
    /** ISO 8601, ends in Z */
    created_at: string;
    timeout_at: string | null;
    ask: Schemas["Ask"] | null;
    /** The job whose end is the answer */
    child_job_id: string | null;
    outcome: "succeeded" | "failed" | "expired" | null;
  };

  /** A question to a person */
  Ask: {
    question: string;
    /** JSON Schema of the answer */
    schema: { [field: string]: Json };
    /** Who may answer; without it everybody */
    answerers?: string[];
    /** Given when nobody has answered in time */
    default?: Json;
  };

  /** About how long the job goes on, the answers of people not counted */
  Eta: {
    /** One in ten of the jobs that it was learned from was faster */
    seconds_low: number;
    seconds: number;
    /** One in ten was slower */
    seconds_high: number;
    /** ISO 8601, ends in Z */
    completes_at: string;
    learned_from: {
      /** So many completed jobs of the type were examples */
      jobs: number;
      /** Only such as were done by the same models */
      same_models: boolean;
    };
  };
  AcceptedJob: {
    job_id: string;
    status: JobStatus;
    /** The job is that of an earlier request, with the same key or for the same content */
    deduplicated?: boolean;
    /** The job has completed before: its result is there */
    cached?: boolean;
    conversation_id?: string;
    message_number?: number;
    /** The jobs of the conversation whose end this one waits for */
    queued_behind?: string[];
    watch: Schemas["Watch"];
  };

  /** How to see what happens */
  Watch: {
    /** Where to read and long-poll events */
    events: string;
    socket: {
      url: string;
      /** POST here for a ticket, if no Authorization header can be sent */
      ticket: string;
      message: { type: "watch"; job_id: string; after: number };
    };
  };
  Video: {
    id: string;
    status: JobStatus;
    progress: Schemas["Progress"] | null;
    /** Its provider's own, from when it has begun */
    operation_id: string | null;
    prompt: string;
    model: string;
    /** Null until the job has completed */
    video: {
      media_type: string;
      /** Leads to the file for whoever may read the job */
      url: string;
      /** In the payload store */
      key: string;
      bytes: number | null;
    } | null;
    error: FailureView | null;
    mock: boolean;
    created_at: string;
  };

  /** The first one stands */
  CallbackDecision: {
    job_id: string;
    callback_id: string;
    step: string;
    outcome: "succeeded" | "failed" | "expired";
    decided_by: string;
    /** ISO 8601, ends in Z */
    decided_at: string;
    /** Of the event that says so */
    seq: number;
  };

  /** A question that the caller may answer */
  Question: {
    job_id: string;
    job_type: string;
    job_title: string;
    callback_id: string;
    step: string;
    question: string;
    /** JSON Schema of the answer */
    schema: { [field: string]: Json };
    /** Given when nobody has answered in time */
    default?: Json;
    /** ISO 8601, ends in Z */
    asked_at: string;
    deadline: string | null;
  };
  Conversation: {
    id: string;
    title: string;
    /** ISO 8601, ends in Z */
    created_at: string;
    /** ISO 8601, ends in Z */
    updated_at: string;
    message_count: number;
    processing_state: Schemas["ProcessingState"];
    active_job_id: string | null;
    waiting_job_ids: string[];
    /** Jobs that the conversation does not wait for, and that will still say something in it */
    background_job_ids: string[];
    /** Set while processing_state is error */
    failed_job_id: string | null;
    error: FailureView | null;
    messages: Schemas["Message"][];
  };

  /** Ready for input; a job is at work in the background; the last job failed */
  ProcessingState: "idle" | "active" | "error";

  /** An assistant's message also has the fields of its job's result: a council's are stage1, stage2, stage3 and metadata */
  Message: {
    number: number;
    role: "user" | "assistant";
    content: string;
    job_id: string;
    /** The number of the user's message that it answers */
    answers: number | null;
    /** ISO 8601, ends in Z */
    created_at: string;
    [field: string]: Json;
  };
  ConversationSummary: {
    id: string;
    title: string;
    /** ISO 8601, ends in Z */
    created_at: string;
    /** ISO 8601, ends in Z */
    updated_at: string;
    message_count: number;
    processing_state: Schemas["ProcessingState"];
  };
  AcceptedMessage: {
    job_id: string;
    status: JobStatus;
    /** The job is that of an earlier request, with the same key or for the same content */
    deduplicated?: boolean;
    /** The job has completed before: its result is there */
    cached?: boolean;
    conversation_id: string;
    message_number: number;
    queued_behind: string[];
    watch: Schemas["Watch"];
  };
  Schedule: {
    id: string;
    name: string;
    type: string;
    /** Any JSON value */
    input: Json;
    cron: string;
    timezone: string;
    end_at: string | null;
    /** While the job of the moment before has not ended: no job, a job that begins after it, a job in place of it, or a job beside it */
    overlap: "skip" | "queue" | "cancel_previous" | "parallel";
    paused: boolean;
    priority: "high" | "normal" | "low";
    tags: string[];
    budget: Budget | null;
    /** Null while it is paused, and when no moment is left */
    next_at: string | null;
    /** When the last job was submitted */
    last_at: string | null;
    last_job_id: string | null;
    /** Why the latest moment gave no job */
    last_error: Failure | null;
    /** ISO 8601, ends in Z */
    created_at: string;
    /** ISO 8601, ends in Z */
    updated_at: string;
  };
  NextMoments: {
    /** Fewer than were asked for when no more come */
    moments: string[];
  };
  Projection: {
    id: string;
    status: JobStatus;
    progress: Schemas["Progress"] | null;
    error: FailureView | null;
    /** Some step answered with less than was asked for */
    degraded: boolean;
    /** Some model call was answered by a mock model */
    mock: boolean;
    created_at: string;
    source_narrative: string;
    /** Null until the job has completed */
    projection: {
      id: string;
      source_narrative: string;
      persona: string;
      namespace: string;
      style: string;
      final_projection: string;
      reflection: string;
      steps?: {
        name: string;
        input_snapshot: string;
        output_snapshot: string;
        metadata: { step_type: "deconstruct" | "map" | "reconstruct" | "stylize" | "reflect"; model: string };
        timestamp: string;
        duration_ms: number;
      }[];
      created_at: string;
    } | null;
  };
  MaieuticSession: {
    id: string;
    initial_narrative: string;
    goal: string;
    max_turns: number;
    turns: {
      question: string;
      answer: string | null;
      insights: string[];
      /** 0: the surface, 4: what is universal */
      depth_level: number;
      timestamp: string;
    }[];
    extracted_elements: {
      suggestion?: {
        persona: "neutral" | "advocate" | "critic" | "philosopher" | "storyteller" | "scientist" | "artist";
        namespace:
          | "lamish-galaxy"
          | "medieval-realm"
          | "corporate-dystopia"
          | "natural-world"
          | "quantum-realm"
          | "steampunk-era"
          | "cyberpunk-future";
        style:
          | "standard"
          | "academic"
          | "poetic"
          | "technical"
          | "casual"
          | "formal"
          | "archaic"
          | "futuristic";
      };
      /** The result of the projection job */
      projection?: Json;
      projection_error?: { code: string; message: string };
    };
    final_understanding: string | null;
    created_at: string;
    status: JobStatus;
    /** Null while nothing is asked */
    question: Schemas["OpenQuestion"] | null;
    progress: Schemas["Progress"] | null;
    error: FailureView | null;
    degraded: boolean;
    mock: boolean;
  };

  /** What the dialogue waits for */
  OpenQuestion: {
    /** `offer`: shall a projection be made? */
    kind: "question" | "offer";
    /** From 1; null for an offer */
    turn: number | null;
    depth_level: number | null;
    question: string;
    /** JSON Schema of the answer */
    schema: { [field: string]: Json };
    callback_id: string;
    /** ISO 8601, ends in Z */
    asked_at: string;
    /** Without an answer the dialogue ends here */
    deadline: string | null;
  };
  ConfigurationAttribute: {
    attribute: "persona" | "namespace" | "language_style";
    /** Counts changes; 0 before the first one */
    version: number;
    fields: { [field: string]: Schemas["ConfigurationField"] };
  };
  ConfigurationField: {
    /** Any JSON value */
    value: Json;
    field_type: "text" | "number" | "boolean" | "select" | "textarea" | "json";
    description: string;
    options: string[] | null;
    prompt_template: string | null;
    weight: number;
    /** `system`: as the preset has it */
    generated_by: "user" | "ai" | "system";
    /** Belongs to the attribute and cannot be removed */
    is_core: boolean;
    last_modified: string | null;
    /** The job that has generated the value */
    job_id: string | null;
  };
  WorkflowStatus:
    | "pending"
    | "planning"
    | "awaiting_approval"
    | "analyzing"
    | "writing"
    | "consolidating"
    | "completed"
    | "failed"
    | "cancelled";
  Workflow: {
    workflow_id: string;
    job_id: string;
    status: Schemas["WorkflowStatus"];
    workflow_status: Schemas["WorkflowStatus"];
    /** For people */
    status_message: string;
    /** 0 to 100, never falling; 100 only at the end */
    progress_percentage: number;
    /** ISO 8601, ends in Z */
    created_at: string;
    /** ISO 8601, ends in Z */
    updated_at: string;
    enterprise_report_id: string;
    selected_norms: (
      | "ifrs"
      | "gaap"
      | "cgi_maroc"
      | "iso_9001"
      | "iso_14001"
      | "iso_27001"
      | "coso"
      | "sarbanes_oxley"
      | "gdpr"
      | "loi_comptable_maroc"
      | "cgnc"
      | "tva_maroc"
      | "ir_maroc"
      | "is_maroc"
    )[];
    user_id: string | null;
    awaiting_human: boolean;
    audit_plan: Schemas["AuditPlan"] | null;
    plan_approved: boolean;
    /** Those that are written */
    generated_sections: (
      | "ventes_clients"
      | "achats_fournisseurs"
      | "immobilisations"
      | "stocks"
      | "paie_personnel"
      | "impots_taxes"
      | "tresorerie"
    )[];
    total_sections: number;
    current_section:
      | "ventes_clients"
      | "achats_fournisseurs"
      | "immobilisations"
      | "stocks"
      | "paie_personnel"
      | "impots_taxes"
      | "tresorerie"
      | null;
    /** What did not work so far, for people */
    errors: string[];
    error_details: Schemas["CycleError"][];
    /** Why the audit has failed */
    error: FailureView | null;
    /** The last five */
    messages: string[];
    /** Work goes on, or is about to */
    background_processing: boolean;
    /** While other audits have all slots: 1 is the next to get one */
    queue_position: number | null;
    report_ready: boolean;
    degraded: boolean;
    mock: boolean;
    processing_details: {
      cycles_completed: number;
      max_cycles: number;
      /** ISO 8601, ends in Z */
      last_activity: string;
      has_errors: boolean;
      elapsed_seconds: number;
      usage: Usage;
    };
  };
  AuditPlan: {
    overall_strategy: string;
    priority_order: (
      | "ventes_clients"
      | "achats_fournisseurs"
      | "immobilisations"
      | "stocks"
      | "paie_personnel"
      | "impots_taxes"
      | "tresorerie"
    )[];
    estimated_duration: string;
    sections: {
      cycle:
        | "ventes_clients"
        | "achats_fournisseurs"
        | "immobilisations"
        | "stocks"
        | "paie_personnel"
        | "impots_taxes"
        | "tresorerie";
      priority: "high" | "medium" | "low";
      focus_areas: string[];
      expected_findings: string[];
      conformity_checks: string[];
      estimated_effort: string;
      id:
        | "ventes_clients"
        | "achats_fournisseurs"
        | "immobilisations"
        | "stocks"
        | "paie_personnel"
        | "impots_taxes"
        | "tresorerie";
      name: string;
      order: number;
    }[];
    risk_assessment: { high_risk_areas: string[]; mitigation_strategies: string[] };
    success_criteria: string[];
    plan_id: string;
    created_at: string;
    /** The planner's answer could not be read: this plan is made of the catalogue */
    fallback?: true;
  };

  /** What did not work in one cycle; the next one ran all the same */
  CycleError: {
    cycle: number;
    agent: "planner" | "analyzer" | "writer" | "consolidator";
    section:
      | "ventes_clients"
      | "achats_fournisseurs"
      | "immobilisations"
      | "stocks"
      | "paie_personnel"
      | "impots_taxes"
      | "tresorerie"
      | null;
    code: string;
    message: string;
    at: string;
  };
  PlanDecision: {
    status: "success";
    workflow_id: string;
    plan_id: string;
    approved: boolean;
    message: string;
    feedback_provided: boolean;
    immediate_response: true;
    background_processing: boolean;
    background_processing_started: boolean;
    processing_message: string | null;
    workflow_status: Schemas["WorkflowStatus"];
    /** ISO 8601, ends in Z */
    updated_at: string;
    transition_to_processing: boolean;
    redirect_to: "processing" | null;
  };
  LiveWorkflow: {
    workflow_id: string;
    job_id: string;
    status: Schemas["WorkflowStatus"];
    workflow_status: Schemas["WorkflowStatus"];
    /** For people */
    status_message: string;
    /** 0 to 100, never falling; 100 only at the end */
    progress_percentage: number;
    /** ISO 8601, ends in Z */
    created_at: string;
    /** ISO 8601, ends in Z */
    updated_at: string;
    enterprise_report_id: string;
    selected_norms: (
      | "ifrs"
      | "gaap"
      | "cgi_maroc"
      | "iso_9001"
      | "iso_14001"
      | "iso_27001"
      | "coso"
      | "sarbanes_oxley"
      | "gdpr"
      | "loi_comptable_maroc"
      | "cgnc"
      | "tva_maroc"
      | "ir_maroc"
      | "is_maroc"
    )[];
    user_id: string | null;
    awaiting_human: boolean;
    audit_plan: Schemas["AuditPlan"] | null;
    plan_approved: boolean;
    /** Those that are written */
    generated_sections: (
      | "ventes_clients"
      | "achats_fournisseurs"
      | "immobilisations"
      | "stocks"
      | "paie_personnel"
      | "impots_taxes"
      | "tresorerie"
    )[];
    total_sections: number;
    current_section:
      | "ventes_clients"
      | "achats_fournisseurs"
      | "immobilisations"
      | "stocks"
      | "paie_personnel"
      | "impots_taxes"
      | "tresorerie"
      | null;
    /** What did not work so far, for people */
    errors: string[];
    error_details: Schemas["CycleError"][];
    /** Why the audit has failed */
    error: FailureView | null;
    /** The last five */
    messages: string[];
    /** Work goes on, or is about to */
    background_processing: boolean;
    /** While other audits have all slots: 1 is the next to get one */
    queue_position: number | null;
    report_ready: boolean;
    degraded: boolean;
    mock: boolean;
    processing_details: {
      cycles_completed: number;
      max_cycles: number;
      /** ISO 8601, ends in Z */
      last_activity: string;
      has_errors: boolean;
      elapsed_seconds: number;
      usage: Usage;
    };
    live_indicators: {
      is_processing: boolean;
      is_completed: boolean;
      is_waiting: boolean;
      is_background_processing: boolean;
      /** ISO 8601, ends in Z */
      last_update: string;
      processing_stage: Schemas["WorkflowStatus"];
    };
    progress_tracking: {
      total_sections: number;
      completed_sections: number;
      completion_percentage: number;
      current_section_name: string | null;
      section_progress: {
        id:
          | "ventes_clients"
          | "achats_fournisseurs"
          | "immobilisations"
          | "stocks"
          | "paie_personnel"
          | "impots_taxes"
          | "tresorerie";
        name: string;
        status: "pending" | "in_progress" | "completed";
        order: number;
      }[];
    };
    progress_info: {
      total_sections: number;
      current_section:
        | "ventes_clients"
        | "achats_fournisseurs"
        | "immobilisations"
        | "stocks"
        | "paie_personnel"
        | "impots_taxes"
        | "tresorerie"
        | null;
      /** For people */
      estimated_completion: string;
      /** Null where nothing is known, and for a job that has ended or waits for a person */
      eta: Schemas["Eta"] | null;
      recent_messages: string[];
    };
  };
  ProgressedWorkflow: {
    workflow_id: string;
    job_id: string;
    status: Schemas["WorkflowStatus"];
    workflow_status: Schemas["WorkflowStatus"];
    /** For people */
    status_message: string;
    /** 0 to 100, never falling; 100 only at the end */
    progress_percentage: number;
    /** ISO 8601, ends in Z */
    created_at: string;
    /** ISO 8601, ends in Z */
    updated_at: string;
    enterprise_report_id: string;
    selected_norms: (
      | "ifrs"
      | "gaap"
      | "cgi_maroc"
      | "iso_9001"
      | "iso_14001"
      | "iso_27001"
      | "coso"
      | "sarbanes_oxley"
      | "gdpr"
      | "loi_comptable_maroc"
      | "cgnc"
      | "tva_maroc"
      | "ir_maroc"
      | "is_maroc"
    )[];
    user_id: string | null;
    awaiting_human: boolean;
    audit_plan: Schemas["AuditPlan"] | null;
    plan_approved: boolean;
    /** Those that are written */
    generated_sections: (
      | "ventes_clients"
      | "achats_fournisseurs"
      | "immobilisations"
      | "stocks"
      | "paie_personnel"
      | "impots_taxes"
      | "tresorerie"
    )[];
    total_sections: number;
    current_section:
      | "ventes_clients"
      | "achats_fournisseurs"
      | "immobilisations"
      | "stocks"
      | "paie_personnel"
      | "impots_taxes"
      | "tresorerie"
      | null;
    /** What did not work so far, for people */
    errors: string[];
    error_details: Schemas["CycleError"][];
    /** Why the audit has failed */
    error: FailureView | null;
    /** The last five */
    messages: string[];
    /** Work goes on, or is about to */
    background_processing: boolean;
    /** While other audits have all slots: 1 is the next to get one */
    queue_position: number | null;
    report_ready: boolean;
    degraded: boolean;
    mock: boolean;
    processing_details: {
      cycles_completed: number;
      max_cycles: number;
      /** ISO 8601, ends in Z */
      last_activity: string;
      has_errors: boolean;
      elapsed_seconds: number;
      usage: Usage;
    };
    message: string;
  };
  ReactStep: {
    agent: "planner" | "analyzer" | "writer" | "consolidator" | "human";
    thought: string;
    action: string;
    observation: string;
    timestamp: string;
  };
  Project: {
    id: string;
    name: string;
    description: string;
    /** Who made it */
    user_id: string;
    created_at: string;
    /** A view of its job; without one it is pending */
    status: "pending" | "in_progress" | "completed" | "failed";
    /** How often it was generated */
    generations: number;
    /** Its latest job of type generation */
    job_id: string | null;
    progress: Schemas["Progress"] | null;
    error: FailureView | null;
    degraded: boolean;
    mock: boolean;
    /** What it waits for from its user; POST /api/callbacks/{id} answers */
    questions: Schemas["Callback"][];
  };
  AcceptedGeneration: {
    job_id: string;
    status: JobStatus;
    /** The job is that of an earlier request, with the same key or for the same content */
    deduplicated?: boolean;
    /** The job has completed before: its result is there */
    cached?: boolean;
    conversation_id?: string;
    message_number?: number;
    /** The jobs of the conversation whose end this one waits for */
    queued_behind?: string[];
    watch: Schemas["Watch"];
    project_id: string;
  };
  ProjectFiles: {
    project_id: string;
    job_id: string | null;
    /** False while files may still be added or mended */
    complete: boolean;
    files: {
      path: string;
      purpose: string;
      bytes: number;
      sha256: string;
      /** Where the payload store keeps it */
      ref: string;
      /** Who wrote it */
      model: string;
      /** Written by a mock model */
      mock?: true;
    }[];
  };

  /** Data, to be read: nothing of it was ever run */
  ProjectFile: {
    path: string;
    purpose: string;
    bytes: number;
    sha256: string;
    /** Where the payload store keeps it */
    ref: string;
    /** Who wrote it */
    model: string;
    /** Written by a mock model */
    mock?: true;
    content: string;
  };
  SystemStatus: {
    status: "ok";
    at: string;
    /** By status */
    jobs: { [field: string]: number };
    over: Schemas["MetricsBasis"];
    queues: Schemas["LaneMetrics"][];
  };
  MetricsBasis: {
    /** So many of the caller's newest jobs were looked at */
    jobs: number;
    /** When the oldest of them was submitted */
    since: string | null;
    /** There are no older ones */
    all: boolean;
    /** So many of the newest that have ended gave the numbers of steps */
    journals: number;
  };
  LaneMetrics: {
    lane: "high" | "normal" | "low";
    /** Messages that no worker has taken yet, of all tenants; approximate */
    ready: number;
    /** Messages that a worker has taken */
    taken: number;
    /** Messages whose time has not come */
    delayed: number;
    /** Of the caller's jobs: those that wait for a worker */
    waiting_jobs: number;
    /** How long the oldest of them has waited */
    oldest_wait_seconds: number | null;
  };
  Metrics: {
    at: string;
    over: Schemas["MetricsBasis"];
    queues: Schemas["LaneMetrics"][];
    types: {
      type: string;
      jobs: number;
      completed: number;
      failed: number;
      cancelled: number;
      /** Of those that completed or failed */
      failure_rate: number | null;
      /** Of completed jobs, from their first claim to their end */
      execution_seconds: Schemas["Times"] | null;
    }[];
    /** Those on which most time was spent come first */
    steps: {
      type: string;
      /** First and last name of its path, what lies between as `*` */
      step: string;
      attempts: number;
      failed: number;
      failure_rate: number;
      /** Of attempts that succeeded */
      execution_seconds: Schemas["Times"] | null;
    }[];
    /** By the day of the submit, newest first; of the last one only what was looked at */
    days: {
      day: string;
      jobs: number;
      model_calls: number;
      input_tokens: number;
      output_tokens: number;
      /** Null where a price is not known */
      cost_usd: number | null;
    }[];
  };

  /** In seconds */
  Times: {
    count: number;
    p50: number;
    p90: number;
    max: number;
    histogram: {
      /** Up to so many seconds; null: any longer */
      le: number | null;
      count: number;
    }[];
  };
};

/** Every route, with what it takes and gives. */
export type Api = {
  /** Says that the service answers */
  "GET /api/health": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: { status: "ok" };
  };

  /** This document */
  "GET /api/openapi.json": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: { [field: string]: Json };
  };

  /** What the codes of errors mean, for users and for developers */
  "GET /api/errors": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: {
      errors: {
        code: string;
        /** Of answers to requests; null: a job's failure */
        status: number | null;
        title: string;
        /** For the person in front of it */
        user: string;
        /** For whoever has to do something about it */
        developer: string;
      }[];
    };
  };

  /** Issues a ticket that opens one WebSocket */
  "POST /api/ws-ticket": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: {
      /** Opens one WebSocket, as the subprotocol `ticket.<ticket>` */
      ticket: string;
      url: string;
      /** ISO 8601, ends in Z */
      expires_at: string;
    };
  };

  /** Says whose key this is and what it may do */
  "GET /api/keys/current": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: {
      id: string;
      tenant: string;
      scopes: ("jobs:read" | "jobs:write" | "jobs:approve" | "admin")[];
      expires_at: string | null;
    };
  };

  /** Signs a browser in: sets a cookie that stands for the key or token of this request */
  "POST /api/session": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: {
      tenant: string;
      /** The id of the key, or the subject of the token */
      name: string;
      scopes: ("jobs:read" | "jobs:write" | "jobs:approve" | "admin")[];
      expires_at: string | null;
    };
  };

  /** Says who is signed in */
  "GET /api/session": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: {
      tenant: string;
      /** The id of the key, or the subject of the token */
      name: string;
      scopes: ("jobs:read" | "jobs:write" | "jobs:approve" | "admin")[];
      expires_at: string | null;
    };
  };

  /** Signs a browser out */
  "DELETE /api/session": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: { signed_out: true };
  };

  /** The kinds of work that this deployment knows */
  "GET /api/job-types": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: { job_types: Schemas["JobType"][] };
  };

  /** Submits a job */
  "POST /api/jobs": {
    path: undefined;
    query: undefined;
    body: {
      /** One of GET /api/job-types */
      type: string;
      /** As the job type's input_schema says */
      input?: Json;
      /** Instead of `input`: what was uploaded before */
      input_ref?: Schemas["Uploaded"];
      title?: string;
      priority?: "high" | "normal" | "low";
      tags?: string[];
      budget?: Budget;
      /** It does not begin before this */
      run_at?: string;
      /** Instead of `run_at` */
      delay_seconds?: number;
      /** A job that has not begun by then fails with `expired_before_start` */
      start_by?: string;
      /** Instead of `start_by` */
      start_within_seconds?: number;
      /** Jobs that have to end before this one begins */
      depends_on?: string[];
      /** When one of them does not complete: fail too (the default), end as cancelled, or begin all the same */
      on_dependency_failure?: "fail" | "skip" | "continue";
      /** A job of the same type, version and input that completed within `ttl_seconds`, or is at work, is the answer */
      cache?: {
        ttl_seconds?: number;
        /** A new job, whose result counts from now on */
        bypass?: boolean;
      };
      /** A job of the same type, version and input that is at work is the answer */
      single_flight?: boolean;
      conversation_id?: string;
      /** While a job of the conversation is at work: wait for its end, be refused (409), or cancel it and take its place */
      on_busy?: "enqueue" | "reject" | "interrupt";
      /** Is told when the job has ended, by a signed webhook: docs/jobs/router.md */
      notify?: { url: string };
    };
    answer: JobView | Schemas["AcceptedJob"];
  };

  /** Lists jobs, newest first */
  "GET /api/jobs": {
    path: undefined;
    query: {
      status?: "scheduled" | "pending" | "running" | "waiting" | "completed" | "failed" | "cancelled";
      type?: string;
      tag?: string;
      created_before?: string;
      limit?: number;
      cursor?: string;
    };
    body: undefined;
    answer: { jobs: JobSummary[]; next_cursor: string | null };
  };

  /** Reads a job */
  "GET /api/jobs/{id}": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: JobView;
  };

  /** Cancels a job */
  "POST /api/jobs/{id}/cancel": {
    path: { id: string };
    query: undefined;
    body: { reason?: string } | undefined;
    answer: { job_id: string; status: JobStatus; cancel_requested: true };
  };

  /** Reads a job's events; with `wait` as a long poll of so many seconds */
  "GET /api/jobs/{id}/events": {
    path: { id: string };
    query: { after?: number; limit?: number; wait?: number };
    body: undefined;
    answer: {
      events: EventView[];
      /** The number of the last event in the journal */
      head: number;
      /** The job has ended and nothing comes after these events */
      done: boolean;
    };
  };

  /** Submits up to 100 jobs as one */
  "POST /api/batches": {
    path: undefined;
    query: undefined;
    body: {
      jobs: {
        /** One of GET /api/job-types */
        type: string;
        /** As the job type's input_schema says */
        input: Json;
        title?: string;
      }[];
      title?: string;
      priority?: "high" | "normal" | "low";
      tags?: string[];
      budget?: Budget;
    };
    answer: JobView | Schemas["AcceptedJob"];
  };

  /** Pauses a job: what is in flight comes to its end, nothing more begins */
  "POST /api/jobs/{id}/pause": {
    path: { id: string };
    query: undefined;
    body: { reason?: string } | undefined;
    answer: { job_id: string; status: JobStatus; paused: boolean };
  };

  /** Lets a paused job go on */
  "POST /api/jobs/{id}/resume": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: { job_id: string; status: JobStatus; paused: boolean };
  };

  /** Does a failed or cancelled job again, from its failed step, as a new job */
  "POST /api/jobs/{id}/retry": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: JobView | Schemas["AcceptedJob"];
  };

  /** Begins a new job with the outcomes of this one up to an event, which are not paid for again */
  "POST /api/jobs/{id}/fork": {
    path: { id: string };
    query: undefined;
    body:
      | {
          /** The last event that the fork looks back on; without it all of them */
          after_seq?: number;
          /** What is different, as a JSON merge patch (RFC 7396) */
          input?: Json;
          title?: string;
          priority?: "high" | "normal" | "low";
          tags?: string[];
          budget?: Budget;
        }
      | undefined;
    answer: JobView | Schemas["AcceptedJob"];
  };

  /** Cancels the jobs that a filter finds, or that are named */
  "POST /api/jobs/cancel": {
    path: undefined;
    query: undefined;
    body: {
      type?: string;
      tag?: string;
      created_before?: string;
      /** Instead of the other filters */
      ids?: string[];
      /** So many jobs are looked at in one call */
      limit?: number;
      /** `next_cursor` of the call before */
      cursor?: string;
      status?: "scheduled" | "pending" | "running" | "waiting";
      reason?: string;
    };
    answer: {
      job_ids: string[];
      /** Jobs for which it was done */
      count: number;
      /** Jobs for which it could not be done, and why */
      skipped: { job_id: string; code: string; message: string }[];
      /** There may be more: ask again with it as `cursor` */
      next_cursor: string | null;
    };
  };

  /** Retries the failed jobs that a filter finds, or that are named; none twice within a day */
  "POST /api/jobs/retry": {
    path: undefined;
    query: undefined;
    body: {
      type?: string;
      tag?: string;
      created_before?: string;
      /** Instead of the other filters */
      ids?: string[];
      /** So many jobs are looked at in one call */
      limit?: number;
      /** `next_cursor` of the call before */
      cursor?: string;
      /** Without it failed ones */
      status?: "failed" | "cancelled";
    };
    answer: {
      jobs: { job_id: string; retry_of: string }[];
      /** Jobs for which it was done */
      count: number;
      /** Jobs for which it could not be done, and why */
      skipped: { job_id: string; code: string; message: string }[];
      /** There may be more: ask again with it as `cursor` */
      next_cursor: string | null;
    };
  };

  /** Has a video made */
  "POST /api/videos": {
    path: undefined;
    query: undefined;
    body: {
      /** What is to be seen */
      prompt: string;
      aspect_ratio?: "16:9" | "9:16";
      /** Veo makes 4, 6 or 8 seconds, Nova Reel 6 or a multiple of 6 */
      duration_seconds?: number;
      resolution?: "720p" | "1080p";
      seed?: number;
      /** Default: the deployment's */
      model?: string;
      /** Where no video can be had of the model, a mock makes a picture that moves, and it is marked. Default: the deployment's choice */
      allow_mock?: boolean;
      /** Default: 2 hours */
      timeout_seconds?: number;
      /** Is told when the job has ended, by a signed webhook: docs/jobs/router.md */
      notify?: { url: string };
    };
    answer: JobView | Schemas["AcceptedJob"];
  };

  /** Says how a video stands */
  "GET /api/videos/{id}": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: Schemas["Video"];
  };

  /** Leads to the file of a video */
  "GET /api/videos/{id}/content": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: Blob;
  };

  /** Says that an operation has ended, to the address that its provider was given */
  "POST /api/callbacks/signed": {
    path: undefined;
    query: { token: string };
    body: Json | undefined;
    answer: { counts: boolean };
  };

  /** What the caller's webhooks are signed with, the newest first */
  "GET /api/webhook-secrets": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: { secrets: string[] };
  };

  /** Answers a callback; the first answer stands */
  "POST /api/callbacks/{callback_id}": {
    path: {
      /** As the job function has given it away: it names its job */
      callback_id: string;
    };
    query: undefined;
    body: {
      /** Any JSON value */
      result?: Json;
      error?: { code?: string; message: string };
    };
    answer: Schemas["CallbackDecision"];
  };

  /** A sign of life from whoever will answer a callback */
  "POST /api/callbacks/{callback_id}/heartbeat": {
    path: {
      /** As the job function has given it away: it names its job */
      callback_id: string;
    };
    query: undefined;
    body: undefined;
    answer: {
      job_id: string;
      callback_id: string;
      /** When the next sign of life is overdue */
      heartbeat_by: string | null;
    };
  };

  /** Answers a callback; the first answer stands */
  "POST /api/jobs/{id}/callbacks/{callback_id}": {
    path: {
      id: string;
      /** As the job function has given it away: it names its job */
      callback_id: string;
    };
    query: undefined;
    body: {
      /** Any JSON value */
      result?: Json;
      error?: { code?: string; message: string };
    };
    answer: Schemas["CallbackDecision"];
  };

  /** A sign of life from whoever will answer a callback */
  "POST /api/jobs/{id}/callbacks/{callback_id}/heartbeat": {
    path: {
      id: string;
      /** As the job function has given it away: it names its job */
      callback_id: string;
    };
    query: undefined;
    body: undefined;
    answer: {
      job_id: string;
      callback_id: string;
      /** When the next sign of life is overdue */
      heartbeat_by: string | null;
    };
  };

  /** Questions of jobs that the caller may answer, those of the newest jobs first */
  "GET /api/inbox": {
    path: undefined;
    query: { limit?: number; cursor?: string };
    body: undefined;
    answer: { questions: Schemas["Question"][]; next_cursor: string | null };
  };

  /** Changes what a job may consume; one that is held for that goes on */
  "PATCH /api/jobs/{id}/budget": {
    path: { id: string };
    query: undefined;
    body: {
      max_steps?: number | null;
      max_hops?: number | null;
      max_age_seconds?: number | null;
      max_tokens?: number | null;
      max_cost_usd?: number | null;
      on_exceeded?: "stop" | "ask" | "warn" | null;
    };
    answer: { job_id: string; status: JobStatus; budget: Budget };
  };

  /** Says where to put an input that is too large for a request */
  "POST /api/uploads": {
    path: undefined;
    query: undefined;
    body: Schemas["Uploaded"];
    answer: {
      method: "PUT";
      url: string;
      headers: { [field: string]: string };
      /** ISO 8601, ends in Z */
      expires_at: string;
      input_ref: Schemas["Uploaded"];
    };
  };

  /** Reads a job's result, whatever its size */
  "GET /api/jobs/{id}/result": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: Json;
  };

  /** Reads the value of an event, whatever its size: an input, what a step gave, a result */
  "GET /api/jobs/{id}/events/{seq}/value": {
    path: { id: string; seq: number };
    query: undefined;
    body: undefined;
    answer: Json;
  };

  /** Reads a job's journal as it is stored, entry by entry, e.g. to replay it elsewhere */
  "GET /api/jobs/{id}/journal": {
    path: { id: string };
    query: { after?: number; limit?: number };
    body: undefined;
    answer: {
      entries: Entry[];
      /** Read on after this event; null at the end */
      next_after: number | null;
    };
  };

  /** Begins a conversation */
  "POST /api/conversations": {
    path: undefined;
    query: undefined;
    body: { title?: string } | undefined;
    answer: Schemas["Conversation"];
  };

  /** Lists conversations, newest first */
  "GET /api/conversations": {
    path: undefined;
    query: { limit?: number; cursor?: string };
    body: undefined;
    answer: { conversations: Schemas["ConversationSummary"][]; next_cursor: string | null };
  };

  /** Reads a conversation with its messages */
  "GET /api/conversations/{id}": {
    path: { id: string };
    query: {
      /** Messages after this number; without it the last ones */
      after?: number;
      limit?: number;
    };
    body: undefined;
    answer: Schemas["Conversation"];
  };

  /** Sends a message; a job answers it in the background */
  "POST /api/conversations/{id}/messages": {
    path: { id: string };
    query: undefined;
    body: {
      /** What the user says */
      content: string;
      /** While a job of the conversation is at work: wait for its end, be refused (409), or cancel it and take its place */
      on_busy?: "enqueue" | "reject" | "interrupt";
      /** The job type that answers; `router` picks one. Default: the deployment's, which is council */
      type?: string;
      /** Further fields of the job's input: members, chairman, ... */
      input?: { [field: string]: Json };
      priority?: "high" | "normal" | "low";
      /** Is told when the job has ended, by a signed webhook: docs/jobs/router.md */
      notify?: { url: string };
    };
    answer: JobView | Schemas["AcceptedMessage"];
  };

  /** Sends a message; a job answers it in the background (another name of /api/conversations/{id}/messages) */
  "POST /api/conversations/{id}/message": {
    path: { id: string };
    query: undefined;
    body: {
      /** What the user says */
      content: string;
      /** While a job of the conversation is at work: wait for its end, be refused (409), or cancel it and take its place */
      on_busy?: "enqueue" | "reject" | "interrupt";
      /** The job type that answers; `router` picks one. Default: the deployment's, which is council */
      type?: string;
      /** Further fields of the job's input: members, chairman, ... */
      input?: { [field: string]: Json };
      priority?: "high" | "normal" | "low";
      /** Is told when the job has ended, by a signed webhook: docs/jobs/router.md */
      notify?: { url: string };
    };
    answer: JobView | Schemas["AcceptedMessage"];
  };

  /** Sends a message; a job answers it in the background (another name of /api/conversations/{id}/messages) */
  "POST /api/conversations/{id}/message/stream": {
    path: { id: string };
    query: undefined;
    body: {
      /** What the user says */
      content: string;
      /** While a job of the conversation is at work: wait for its end, be refused (409), or cancel it and take its place */
      on_busy?: "enqueue" | "reject" | "interrupt";
      /** The job type that answers; `router` picks one. Default: the deployment's, which is council */
      type?: string;
      /** Further fields of the job's input: members, chairman, ... */
      input?: { [field: string]: Json };
      priority?: "high" | "normal" | "low";
      /** Is told when the job has ended, by a signed webhook: docs/jobs/router.md */
      notify?: { url: string };
    };
    answer: JobView | Schemas["AcceptedMessage"];
  };

  /** Has a job submitted again and again */
  "POST /api/schedules": {
    path: undefined;
    query: undefined;
    body: {
      name: string;
      /** One of GET /api/job-types */
      type: string;
      /** Any JSON value */
      input: Json;
      /** Five fields, or six with seconds first */
      cron: string;
      /** A name of the IANA database, such as Europe/Paris */
      timezone?: string;
      /** No moment comes after this one */
      end_at?: string;
      /** While the job of the moment before has not ended: no job, a job that begins after it, a job in place of it, or a job beside it */
      overlap?: "skip" | "queue" | "cancel_previous" | "parallel";
      priority?: "high" | "normal" | "low";
      tags?: string[];
      budget?: Budget;
    };
    answer: Schemas["Schedule"];
  };

  /** Lists schedules, newest first */
  "GET /api/schedules": {
    path: undefined;
    query: { limit?: number; cursor?: string };
    body: undefined;
    answer: { schedules: Schemas["Schedule"][]; next_cursor: string | null };
  };

  /** Says when a cron expression comes next, as a schedule would have it */
  "GET /api/next-moments": {
    path: undefined;
    query: {
      /** Five fields, or six with seconds first */
      cron: string;
      /** A name of the IANA database, such as Europe/Paris */
      timezone?: string;
      limit?: number;
    };
    body: undefined;
    answer: Schemas["NextMoments"];
  };

  /** Reads a schedule */
  "GET /api/schedules/{id}": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: Schemas["Schedule"];
  };

  /** Changes a schedule; what is not named stays, null takes away */
  "PATCH /api/schedules/{id}": {
    path: { id: string };
    query: undefined;
    body: {
      name?: string;
      type?: string;
      /** Any JSON value */
      input?: Json;
      /** Five fields, or six with seconds first */
      cron?: string;
      /** A name of the IANA database, such as Europe/Paris */
      timezone?: string;
      end_at?: string | null;
      /** While the job of the moment before has not ended: no job, a job that begins after it, a job in place of it, or a job beside it */
      overlap?: "skip" | "queue" | "cancel_previous" | "parallel";
      priority?: "high" | "normal" | "low";
      tags?: string[];
      budget?: Budget | null;
    };
    answer: Schemas["Schedule"];
  };

  /** Deletes a schedule; jobs that it has submitted stay */
  "DELETE /api/schedules/{id}": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: { id: string; deleted: true };
  };

  /** Pauses a schedule */
  "POST /api/schedules/{id}/pause": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: Schemas["Schedule"];
  };

  /** Resumes a schedule; moments that passed meanwhile are not made good */
  "POST /api/schedules/{id}/resume": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: Schemas["Schedule"];
  };

  /** Submits a schedule's job now, out of turn */
  "POST /api/schedules/{id}/run": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: JobView | { job_id: string; status: JobStatus; schedule_id: string };
  };

  /** Retells a narrative as an allegory */
  "POST /api/projection/create": {
    path: undefined;
    query: undefined;
    body: Schemas["ProjectionInput"];
    answer: JobView | Schemas["AcceptedJob"];
  };

  /** Reads a projection */
  "GET /api/projection/{id}": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: Schemas["Projection"];
  };

  /** Finds completed projections by the words in them, newest first */
  "GET /api/projections/search": {
    path: undefined;
    query: {
      /** Words that all must occur, in any case; without any, the newest projections */
      query?: string;
      limit?: number;
    };
    body: undefined;
    answer: { projections: Schemas["Projection"][] };
  };

  /** Sends a text into another language and back, and says what was lost */
  "POST /api/translation/round-trip": {
    path: undefined;
    query: undefined;
    body: Schemas["TranslationInput"];
    answer: JobView | Schemas["AcceptedJob"];
  };

  /** Sends a text through several languages and back, and finds the meaning that survives all of them */
  "POST /api/translation/stability-analysis": {
    path: undefined;
    query: undefined;
    body: Schemas["StabilityInput"];
    answer: JobView | Schemas["AcceptedJob"];
  };

  /** The languages that a text can be sent through */
  "GET /api/translation/supported-languages": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: { languages: { name: string; code: string }[] };
  };

  /** Begins a Socratic dialogue about a narrative */
  "POST /api/maieutic/start": {
    path: undefined;
    query: undefined;
    body: Schemas["MaieuticInput"];
    answer: JobView | Schemas["AcceptedJob"];
  };

  /** Reads a dialogue */
  "GET /api/maieutic/{id}": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: Schemas["MaieuticSession"];
  };

  /** Gives the question that is open; with `wait` as a long poll of so many seconds */
  "POST /api/maieutic/{id}/question": {
    path: { id: string };
    query: { wait?: number };
    body: undefined;
    answer: {
      id: string;
      status: JobStatus;
      /** Null while nothing is asked */
      question: Schemas["OpenQuestion"] | null;
    };
  };

  /** Answers the open question, or takes or leaves the offered projection */
  "POST /api/maieutic/{id}/answer": {
    path: { id: string };
    query: undefined;
    body: Schemas["MaieuticAnswer"];
    answer: Schemas["CallbackDecision"];
  };

  /** Reads what is configured */
  "GET /api/config": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: { attributes: Schemas["ConfigurationAttribute"][] };
  };

  /** One system prompt from all that is configured, merged by a model */
  "GET /api/config/system-prompt": {
    path: undefined;
    query: {
      /** What the prompt is for */
      context?: string;
      /** Seconds to wait for the model */
      wait?: number;
    };
    body: undefined;
    answer: {
      system_prompt: string;
      merged_by: "model" | "concatenation";
      parts: { [field: string]: string };
      job_id: string;
      status: JobStatus;
    };
  };

  /** Reads an attribute */
  "GET /api/config/{attribute}": {
    path: { attribute: "persona" | "namespace" | "language_style" };
    query: undefined;
    body: undefined;
    answer: Schemas["ConfigurationAttribute"];
  };

  /** Sets a field, or adds one */
  "PUT /api/config/{attribute}/{field}": {
    path: { attribute: "persona" | "namespace" | "language_style"; field: string };
    query: undefined;
    body: Schemas["ConfigurationChange"];
    answer: Schemas["ConfigurationAttribute"];
  };

  /** Removes a field that is not a core field */
  "DELETE /api/config/{attribute}/{field}": {
    path: { attribute: "persona" | "namespace" | "language_style"; field: string };
    query: undefined;
    body: undefined;
    answer: Schemas["ConfigurationAttribute"];
  };

  /** Has a model write the value of a field, in view of the others */
  "POST /api/config/{attribute}/generate-field": {
    path: { attribute: "persona" | "namespace" | "language_style" };
    query: undefined;
    body: {
      field: string;
      /** Of a new field. Default: text */
      field_type?: "text" | "number" | "boolean" | "select" | "textarea" | "json";
      description?: string;
      /** What a `select` may be */
      options?: string[];
      /** How the value is said in a prompt; `{value}` is where it stands */
      prompt_template?: string;
      /** Heavier fields are said first, those of weight 0 not at all. Default: 1 */
      weight?: number;
      /** Of the attribute, if it has to be this one */
      version?: number;
      /** Who does the work; the others stand in for the first, in this order. Default: the deployment's models */
      models?: string[];
      /** When all models have failed a mock model answers, and what it wrote is marked. Default: the deployment's choice */
      allow_mock?: boolean;
    };
    answer: JobView | Schemas["AcceptedJob"];
  };

  /** The norms that an audit can be held against */
  "GET /api/norms": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: {
      status: "success";
      norms: {
        [field: string]: {
          name: string;
          norms: {
            id: string;
            name: string;
            description: string;
            applicable_cycles: (
              | "ventes_clients"
              | "achats_fournisseurs"
              | "immobilisations"
              | "stocks"
              | "paie_personnel"
              | "impots_taxes"
              | "tresorerie"
            )[];
          }[];
        };
      };
      total_categories: number;
      total_norms: number;
    };
  };

  /** The cycles of the books that an audit examines */
  "GET /api/audit-cycles": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: {
      status: "success";
      audit_cycles: {
        [field: string]: {
          cycle_id: string;
          title: string;
          objectives: string[];
          key_controls: string[];
          tests: string[];
        };
      };
      total_cycles: number;
    };
  };

  /** Begins an audit */
  "POST /api/workflows": {
    path: undefined;
    query: undefined;
    body: Schemas["AuditInput"];
    answer:
      | JobView
      | {
          status: "success";
          workflow_id: string;
          workflow_status: Schemas["WorkflowStatus"];
          message: string;
          /** ISO 8601, ends in Z */
          started_at: string;
          enterprise_report_id: string;
          /** Ids of GET /api/norms */
          selected_norms: (
            | "ifrs"
            | "gaap"
            | "cgi_maroc"
            | "iso_9001"
            | "iso_14001"
            | "iso_27001"
            | "coso"
            | "sarbanes_oxley"
            | "gdpr"
            | "loi_comptable_maroc"
            | "cgnc"
            | "tva_maroc"
            | "ir_maroc"
            | "is_maroc"
          )[];
          job_id: string;
          /** The job is that of an earlier request, with the same key or for the same content */
          deduplicated?: boolean;
          watch: Schemas["Watch"];
        };
  };

  /** Reads an audit */
  "GET /api/workflows/{workflow_id}": {
    path: {
      /** `audit_` and the job's id */
      workflow_id: string;
    };
    query: undefined;
    body: undefined;
    answer: Schemas["Workflow"];
  };

  /** Cancels an audit */
  "DELETE /api/workflows/{workflow_id}": {
    path: {
      /** `audit_` and the job's id */
      workflow_id: string;
    };
    query: undefined;
    body: undefined;
    answer: {
      status: "success";
      workflow_id: string;
      workflow_status: "cancelled";
      message: string;
      /** ISO 8601, ends in Z */
      cancelled_at: string;
    };
  };

  /** Approves or rejects the plan of an audit; the first decision on a plan stands */
  "POST /api/workflows/{workflow_id}/approve": {
    path: {
      /** `audit_` and the job's id */
      workflow_id: string;
    };
    query: undefined;
    body: {
      approved: boolean;
      feedback?: string;
      /** Which plan is meant; without it the one that waits. Protects a new plan from an old click */
      plan_id?: string;
    };
    answer: Schemas["PlanDecision"];
  };

  /** Reads an audit with everything that a page needs to show it at work */
  "GET /api/workflows/{workflow_id}/status/live": {
    path: {
      /** `audit_` and the job's id */
      workflow_id: string;
    };
    query: undefined;
    body: undefined;
    answer: Schemas["LiveWorkflow"];
  };

  /** Has an audit looked at now if it is overdue; it goes on by itself otherwise */
  "POST /api/workflows/{workflow_id}/progress": {
    path: {
      /** `audit_` and the job's id */
      workflow_id: string;
    };
    query: undefined;
    body: undefined;
    answer: Schemas["ProgressedWorkflow"];
  };

  /** Says something to an audit at work */
  "POST /api/workflows/{workflow_id}/feedback": {
    path: {
      /** `audit_` and the job's id */
      workflow_id: string;
    };
    query: undefined;
    body: { feedback: string };
    answer: {
      status: "success";
      workflow_id: string;
      feedback_received: string;
      message: string;
      workflow_updated: true;
    };
  };

  /** Reads the plan of an audit */
  "GET /api/workflows/{workflow_id}/plan": {
    path: {
      /** `audit_` and the job's id */
      workflow_id: string;
    };
    query: undefined;
    body: undefined;
    answer: {
      status: "success";
      workflow_id: string;
      audit_plan: Schemas["AuditPlan"];
      awaiting_approval: boolean;
      plan_approved: boolean;
    };
  };

  /** Reads the report of an audit, as JSON or as Markdown (`Accept: text/markdown`) */
  "GET /api/workflows/{workflow_id}/report": {
    path: {
      /** `audit_` and the job's id */
      workflow_id: string;
    };
    query: undefined;
    body: undefined;
    answer:
      | {
          status: "success";
          workflow_id: string;
          /** Markdown */
          final_report: string;
          /** ISO 8601, ends in Z */
          generated_at: string;
          report_format: "markdown";
        }
      | {
          status: "processing";
          workflow_id: string;
          workflow_status: Schemas["WorkflowStatus"];
          message: string;
          progress_percentage: number;
        };
  };

  /** Reads what the agents and people of an audit have thought, done and seen */
  "GET /api/workflows/{workflow_id}/react_steps": {
    path: {
      /** `audit_` and the job's id */
      workflow_id: string;
    };
    query: undefined;
    body: undefined;
    answer: {
      workflow_id: string;
      workflow_status: Schemas["WorkflowStatus"];
      steps: Schemas["ReactStep"][];
      total_steps: number;
    };
  };

  /** Describes a project that is to be generated */
  "POST /api/projects": {
    path: undefined;
    query: undefined;
    body: Schemas["ProjectRequest"];
    answer: Schemas["Project"];
  };

  /** Lists projects, newest first */
  "GET /api/projects": {
    path: undefined;
    query: { limit?: number; cursor?: string };
    body: undefined;
    answer: { projects: Schemas["Project"][]; next_cursor: string | null };
  };

  /** Reads a project */
  "GET /api/projects/{id}": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: Schemas["Project"];
  };

  /** Has a project generated in the background */
  "POST /api/projects/{id}/generate": {
    path: { id: string };
    query: undefined;
    body:
      | {
          /** After a failure: begin anew, instead of going on with what is there */
          fresh?: boolean;
          priority?: "high" | "normal" | "low";
        }
      | undefined;
    answer: JobView | Schemas["AcceptedGeneration"];
  };

  /** Lists the files of a project, those that are there while it is generated too */
  "GET /api/projects/{id}/files": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: Schemas["ProjectFiles"];
  };

  /** Reads one file of a project; with `Accept: text/plain` as it is */
  "GET /api/projects/{id}/files/{path}": {
    path: {
      id: string;
      /** As in the manifest, percent-encoded */
      path: string;
    };
    query: undefined;
    body: undefined;
    answer: Schemas["ProjectFile"];
  };

  /** All files of a project as a zip */
  "GET /api/projects/{id}/bundle": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: Blob;
  };

  /** All files that a job of type generation has written, as a zip */
  "GET /api/jobs/{id}/bundle": {
    path: { id: string };
    query: undefined;
    body: undefined;
    answer: Blob;
  };

  /** How many jobs there are in which status, and how long the queues are */
  "GET /api/status": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: Schemas["SystemStatus"];
  };

  /** Queues, execution times, failure rates, tokens and money of the newest jobs */
  "GET /api/metrics": {
    path: undefined;
    query: {
      /** Jobs of this type only */
      type?: string;
    };
    body: undefined;
    answer: Schemas["Metrics"];
  };
};
