-- Top-1 accuracy of every run under every condition, with its 95 % interval
SELECT dataset, model, method, condition, seed, top1, ci_lo, ci_hi, evidence, n, target, condition_source, experiment, run
FROM accuracy_by_condition
ORDER BY experiment, position, condition <> 'clean', condition
