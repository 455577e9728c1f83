// Imported before the simulated model, which looks for its log once, at its start. Of the runner's variables a function
// is given only some, MOCK_ ones among them.
if (process.env.MOCK_CALL_LOG) process.env.CALLLOG = process.env.MOCK_CALL_LOG;
