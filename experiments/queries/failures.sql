-- Runs that did not pass, and why
SELECT dataset, model, method, target, seed, state, reason, attempts, experiment, run
FROM runs
WHERE state <> 'passed'
ORDER BY experiment, position
