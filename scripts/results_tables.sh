#!/usr/bin/env bash
# Writes docs/results.md from a store's database: scripts/results_tables.sh STORE [AUTOMASK] > docs/results.md
# What is not known stays empty. Every number and every name below the first paragraphs is asked from the database; nothing is typed by hand. Quoted lines are the manifests' descriptions.
set -euo pipefail
cd "$(dirname "$0")/.."
store=${1:?"which store? scripts/results_tables.sh STORE [AUTOMASK]"}
automask=${2:-build/release/bin/automask}
queries=experiments/queries

ask() { "$automask" query "$1" --store "$store" --format "${2:-md}"; }
# Some columns of a saved query: of all experiments, and of one.
saved_everywhere() { ask "SELECT $2 FROM (
$(cat "$queries/$1.sql")
) h ${3:-}"; }
saved() { saved_everywhere "$1" "$2" "WHERE experiment = '$experiment' ${3:-}"; }
# The manifest of that name, where it is one of the project's.
manifest_of() { grep -rlF --include='*.json' "\"name\": \"$1\"" experiments --exclude-dir=published | head -1; }
# The commands that made an experiment's rows: one for each set of methods with the same seeds and targets.
commands_of() {
  lines "WITH cell AS (SELECT DISTINCT dataset, model, method, target, seed FROM current_passed WHERE experiment = '$experiment'),
    seeds AS (SELECT dataset, model, method, target, (SELECT group_concat(seed) FROM (SELECT DISTINCT seed FROM cell c
        WHERE c.dataset = m.dataset AND c.model = m.model AND c.method = m.method AND c.target = m.target ORDER BY seed)) AS seeds
      FROM (SELECT DISTINCT dataset, model, method, target FROM cell ORDER BY dataset, model, method, target) m),
    row AS (SELECT dataset, model, method, seeds, group_concat(target, '|') AS targets FROM seeds GROUP BY dataset, model, method, seeds)
    SELECT '    automask run $1 --data ' || dataset || '=DIR --set ''seeds=[' || seeds || ']'' --filter ''method=' ||
      group_concat(method, '|') || ',model=' || model || ',target=' || targets || '''' AS command
    FROM row GROUP BY dataset, model, seeds, targets ORDER BY dataset, model, seeds, targets" | sed 's/^"\(.*\)"$/\1/'
}
lines() { ask "$1" csv | tail -n +2 | tr -d '\r'; }
# A table with its heading; nothing where it would have no row.
section() {
  local text
  text=$("${@:2}")
  if [[ $(wc -l <<< "$text") -gt 2 ]]; then printf '\n### %s\n\n%s\n' "$1" "$text"; fi
}

cat <<'HEAD'
# Results

Made by `scripts/results_tables.sh`; no number in its tables is typed by hand (quoted lines are the descriptions of manifests), and none is the ICCD 2019 paper's. Accuracies are
top-1 in percent; `mean_top1` is the mean over the trained conditions **with the condition that the estimator predicts**
wherever a network has several sets, and `oracle` with the true one. `[low, high]` is the 95 % interval over seeds (Student's
t); of one seed it is the pictures' own (Wilson), which says nothing about another training. A difference is of paired seeds,
and `unresolved` where 0 lies in its interval; intervals are of single comparisons, not corrected for their number. MACs
and bytes are counted on the packages. `unsupported` rows are accuracies by the training framework in FP32: no runner executes
those networks. `views` is how often a training shows each picture, `a_network` what one of several networks gets of them, `its_views`
the teacher's own, which are no part of `views`. Rows were made with the commands of their section (`--data` only where the manifest names no path or
another), two steps at a time (`--jobs 2`). Minutes are by the clock on the wall, one thread a training, of a machine that did other
work besides, and since the last resume of a training that was interrupted; hours of a network that serves two experiments
count in both. In sections `bet_*` the masks differ between conditions (`masks_C`: consensus C; `groups_C`: masks of
groups); what all sections say of that stands under "The research bet". The published cells themselves are in
`experiments/published`:

    automask db merge experiments/published --store DIR
    automask query --saved headline --store DIR --format json
    scripts/results_tables.sh DIR > docs/results.md
HEAD

printf '\n## What is claimed, and what was measured\n\n%s\n\n' "The limits are the project's own; \`claims\` among the saved queries holds any store against them. A verdict is of the
whole interval, or of the mean alone; one seed decides nothing. \`equal\` to kill_test: the consensus that was chosen on validation pictures is one mask for all."
claims="($(printf '\n'; cat "$queries/claims.sql"; printf '\n'))"
ask "SELECT experiment, dataset, model, target, claim, [limit], iif(ci_lo IS NULL, printf('%.2f', measured),
       printf('%.2f [%.2f, %.2f]', measured, ci_lo, ci_hi)) AS measured, seeds, verdict
     FROM $claims WHERE measured IS NOT NULL"
section "Claims without a measurement in an experiment" \
  ask "SELECT experiment, target, group_concat(claim, '; ') AS claims FROM $claims WHERE measured IS NULL GROUP BY 1, 2"

printf '\n## The research bet\n\n%s\n' "A setting in which masks that differ between conditions beat one mask for all by the same recipe: the mean by at least
0.3 points and the whole interval above 0, with at most 1 % more MACs and bytes (\`bet\` among the saved queries; MACs and
bytes in % of the one mask's). Where \`consensus\` stands beside \`automask\`, it was chosen on validation pictures; choices that stand without a
distance's error were made by an unpaired one."
section "Where it was looked for, and what was measured" saved_everywhere bet \
  "experiment, target, method, printf('%g', consensus) AS consensus, printf('%g', budget) AS budget, one_mask, iif(ci_lo IS NULL, printf('%+.2f', difference), printf('%+.2f [%+.2f, %+.2f]', difference, ci_lo, ci_hi)) AS points,
   printf('%.1f', macs) AS MACs, printf('%.1f', bytes) AS bytes, seeds, verdict"
section "Which consensus was chosen on validation pictures" ask \
  "WITH choice AS (SELECT DISTINCT k.experiment, k.dataset, k.model, k.method, json_extract(r.training, '\$.log.consensus') AS made
     FROM current_passed k JOIN run r ON r.id = k.run_id WHERE json_extract(r.training, '\$.log.consensus') IS NOT NULL),
   tried AS (SELECT c.*, json_extract(c.made, '\$.chosen') AS chosen, json_extract(t.value, '\$.consensus') AS consensus,
       json_extract(t.value, '\$.validation_top1') AS top1, json_extract(t.value, '\$.behind') AS behind,
       json_extract(t.value, '\$.standard_error') AS error FROM choice c, json_each(c.made, '\$.candidates') t)
   SELECT experiment, dataset, model, method, printf('%g', chosen) AS chosen,
     group_concat(printf('%g: %.2f', consensus, top1) || iif(behind > 0, printf(' (-%.2f, error %.2f)', behind, error), ''), '; ')
       AS mean_validation_top1_of_candidates
   FROM (SELECT * FROM tried ORDER BY experiment, dataset, model, method, consensus)
   GROUP BY experiment, dataset, model, method, made ORDER BY 1, 2, 3, 4"

printf '\n## Machines and time\n\n'
ask "SELECT json_extract(v.document, '\$.cpu') AS cpu, json_extract(v.document, '\$.cores') AS cores,
       json_extract(v.document, '\$.os') AS os, json_extract(b.document, '\$.commit') AS [commit],
       k.experiment, count(DISTINCT k.run_id) AS cells,
       round(sum(t.value) / 3600, 2) AS training_hours
     FROM current_passed k JOIN run r ON r.id = k.run_id
     LEFT JOIN environment v ON v.id = r.environment_id LEFT JOIN build b ON b.id = r.build_id
     LEFT JOIN metric t ON t.run_id = r.id AND t.name = 'train_seconds'
     GROUP BY 1, 2, 3, 4, 5 ORDER BY 5, 1, 4"

while IFS= read -r experiment; do
  [[ -z "$experiment" ]] && continue
  printf '\n## %s\n\n' "$experiment"
  manifest=$(manifest_of "$experiment")
  printf 'Made by\n\n'
  commands_of "${manifest:-MANIFEST}"
  if [[ -n "$manifest" ]]; then sed -n 's/^  "description": "\(.*\)",$/\n> \1/p' "$manifest" | head -2; fi
  section "Accuracy, computation, bytes" saved headline \
    "dataset, model, method, budget || iif(byte_budget IS NULL, '', printf(', %.1f KiB', byte_budget / 1024.0)) ||
       iif(latency_budget_ms IS NULL, '', printf(', %g ms', latency_budget_ms)) AS budget, target, seeds, printf('%.2f [%.2f, %.2f]', mean_top1, ci_lo, ci_hi) AS mean_top1,
     iif(oracle_mean_top1 IS NULL, '', printf('%.2f', oracle_mean_top1)) AS oracle, iif(clean_top1 IS NULL, '', printf('%.2f', clean_top1)) AS clean,
     iif(macs / 1e6 IS NULL, '', printf('%.3f', macs / 1e6)) AS MMAC, iif(bytes / 1024.0 IS NULL, '', printf('%.1f', bytes / 1024.0)) AS KiB,
     iif(EXISTS (SELECT 1 FROM current_passed c JOIN run r ON r.id = c.run_id WHERE c.experiment = h.experiment AND c.method = h.method
       AND c.target = h.target AND r.state = 'unsupported'), evidence || ', FP32 by the framework', evidence) AS evidence"
  if [[ "$experiment" == ablation_* ]]; then
    # Of a network that adapts to what it is shown the accuracy is that while it adapts.
    section "On pictures held out of training, by which constants are chosen" ask \
      "WITH network AS (SELECT DISTINCT model, method, seed, min(run_id) AS run_id FROM current_passed
         WHERE experiment = '$experiment' GROUP BY 1, 2, 3),
       found AS (
         SELECT k.model, k.method, k.seed, m.name, m.value FROM network k
           JOIN metric m ON m.run_id = k.run_id AND m.name IN ('adapted_validation_top1', 'top1_validation')
         UNION ALL  -- older records have it in the training alone
         SELECT k.model, k.method, k.seed, 'trained', v.value FROM network k JOIN run r ON r.id = k.run_id,
           json_each(r.training, '\$.validation_top1') v WHERE v.type IN ('real', 'integer')),
       best AS (SELECT *, min(CASE name WHEN 'adapted_validation_top1' THEN 1 WHEN 'top1_validation' THEN 2 ELSE 3 END)
         OVER (PARTITION BY model, method, seed) AS kind FROM found)
       SELECT model, method, count(DISTINCT seed) AS seeds, printf('%.2f', avg(value)) AS mean_validation_top1 FROM best
       WHERE name = CASE kind WHEN 1 THEN 'adapted_validation_top1' WHEN 2 THEN 'top1_validation' ELSE 'trained' END
       GROUP BY 1, 2 ORDER BY 1, 2"
  fi
  section "Conditions that were never trained on" ask \
    "SELECT dataset, model, method, budget, target, seeds, iif(mean_top1 IS NULL, '', printf('%.2f', mean_top1)) AS trained,
       iif(mean_top1_unseen_severity IS NULL, '', printf('%.2f', mean_top1_unseen_severity)) AS unseen_severity,
       iif(mean_top1_unseen_corruption IS NULL, '', printf('%.2f', mean_top1_unseen_corruption)) AS unseen_corruption
     FROM ($(printf '\n'; cat "$queries/headline.sql"; printf '\n')) WHERE experiment = '$experiment'
       AND (mean_top1_unseen_severity IS NOT NULL OR mean_top1_unseen_corruption IS NOT NULL)"
  section "Differences, paired over seeds" saved differences \
    "dataset, model, target, first, second, seeds, iif(ci_lo IS NULL, printf('%+.2f', difference), printf('%+.2f [%+.2f, %+.2f]', difference, ci_lo, ci_hi)) AS points, verdict" \
    "AND seeds > 1"
  section "Who knows the condition" ask \
    "SELECT method, target, condition, count(DISTINCT seed) AS seeds, iif(avg(oracle_top1) IS NULL, '', printf('%.2f', avg(oracle_top1))) AS oracle,
       iif(avg(predicted_top1) IS NULL, '', printf('%.2f', avg(predicted_top1))) AS predicted, iif(avg(random_top1) IS NULL, '', printf('%.2f', avg(random_top1))) AS random,
       iif(avg(wrong_top1) IS NULL, '', printf('%.2f', avg(wrong_top1))) AS wrong, iif(avg(estimator_accuracy) IS NULL, '', printf('%.2f', avg(estimator_accuracy))) AS right_share,
       iif(avg(estimator_good) IS NULL, '', printf('%.2f', avg(estimator_good))) AS as_good_share
     FROM ($(printf '\n'; cat "$queries/estimator.sql"; printf '\n')) WHERE experiment = '$experiment'
     GROUP BY method, target, condition ORDER BY method, target, condition <> 'clean', condition"
  section "Held-out conditions" ask \
    "SELECT method, target, unseen, condition, count(DISTINCT seed) AS seeds, iif(avg(top1) IS NULL, '', printf('%.2f', avg(top1))) AS top1,
       iif(avg(oracle_top1) IS NULL, '', printf('%.2f', avg(oracle_top1))) AS given_set, iif(avg(estimator_good) IS NULL, '', printf('%.2f', avg(estimator_good))) AS as_good_share
     FROM ($(printf '\n'; cat "$queries/held_out.sql"; printf '\n')) WHERE experiment = '$experiment'
     GROUP BY method, target, unseen, condition ORDER BY method, target, unseen DESC, condition"
  section "Mixes of conditions" ask \
    "SELECT method, target, mix, count(DISTINCT seed) AS seeds, iif(avg(mix_top1) IS NULL, '', printf('%.2f', avg(mix_top1))) AS top1,
       iif(avg(mix_macs) / 1e6 IS NULL, '', printf('%.3f', avg(mix_macs) / 1e6)) AS MMAC, iif(avg(mix_latency_median_ms) IS NULL, '', printf('%.3f', avg(mix_latency_median_ms))) AS median_ms
     FROM ($(printf '\n'; cat "$queries/mixes.sql"; printf '\n')) WHERE experiment = '$experiment'
     GROUP BY method, target, mix ORDER BY mix, method, target"
  section "What each training was given, and what it took" saved trainings \
    "model, method, target, printf('%g', learning_rate) AS rate, printf('%g', views) AS views, printf('%g', network_views) AS a_network, coalesce(teacher, '') AS teacher,
     iif(teacher IS NULL, '', printf('%g', teacher_views)) AS its_views, iif(teacher IS NULL, '', printf('%g', teacher_weight)) AS weight, seeds,
     iif(least_minutes IS NULL, '', printf('%.1f', least_minutes)) AS least_minutes, iif(most_minutes IS NULL, '', printf('%.1f', most_minutes)) AS most_minutes"
  section "Not measured on the runner, and why" ask \
    "SELECT DISTINCT method, target, state, reason FROM runs WHERE experiment = '$experiment' AND state <> 'passed'
     ORDER BY method, target"
done < <(lines "SELECT name FROM experiment e WHERE EXISTS (SELECT 1 FROM current_passed k WHERE k.experiment = e.name) ORDER BY name")
