-- Every run of the newest plans: its state, the reason when it did not pass, and when it ran
SELECT dataset, model, method, target, seed, state, reason, started, finished, attempts, metrics, experiment, run
FROM runs
ORDER BY experiment, position
