#include "results/schema.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <system_error>

#include "core/error.h"
#include "results/connection.h"

namespace automask::results {
namespace {

using core::Error;
using core::ExitCode;

// "AuMk" in the file's header: tells our databases from those of other programs.
constexpr int application_id = 0x41754d6b;

// Version 1.
//
// A cell is a point of an experiment's matrix as its manifest names it; a run is one attempt at the steps behind it.
// They meet in `key`, the content address of these steps, so that two experiments (or two names in one) with the same
// steps share the runs. Of several attempts with one key only the newest counts (newest = 1); a passed one is final.
//
// The views show the newest passed attempt of each cell in an experiment's newest plan (table plan, written by
// Store::set_current); for an experiment whose plan was never stored, of all its cells.
constexpr const char* version_1 = R"sql(
CREATE TABLE manifest(
  sha256 TEXT PRIMARY KEY,
  document TEXT NOT NULL CHECK(json_valid(document))
) STRICT, WITHOUT ROWID;

CREATE TABLE experiment(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  manifest_sha256 TEXT REFERENCES manifest(sha256),  -- of the run recorded last
  plan_known INTEGER NOT NULL DEFAULT 0 CHECK(plan_known IN (0, 1))
) STRICT;

CREATE TABLE plan(
  experiment_id INTEGER NOT NULL REFERENCES experiment(id),
  position INTEGER NOT NULL,
  run_key TEXT NOT NULL,  -- may have no run yet
  PRIMARY KEY(experiment_id, run_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE cell(
  id INTEGER PRIMARY KEY,
  experiment_id INTEGER NOT NULL REFERENCES experiment(id),
  key TEXT NOT NULL,
  dataset TEXT NOT NULL,
  model TEXT NOT NULL,
  method TEXT NOT NULL,
  target TEXT NOT NULL,
  seed INTEGER NOT NULL,
  parameters TEXT NOT NULL CHECK(json_valid(parameters)),
  UNIQUE(key, experiment_id, dataset, model, method, target, seed, parameters)
) STRICT;
CREATE INDEX cell_experiment ON cell(experiment_id);

CREATE TABLE environment(
  id INTEGER PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE,
  document TEXT NOT NULL CHECK(json_valid(document))
) STRICT;

CREATE TABLE build(
  id INTEGER PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE,
  document TEXT NOT NULL CHECK(json_valid(document))
) STRICT;

CREATE TABLE run(
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL CHECK(key <> ''),
  newest INTEGER NOT NULL DEFAULT 1 CHECK(newest IN (0, 1)),
  state TEXT NOT NULL CHECK(state IN ('planned', 'running', 'passed', 'failed', 'skipped', 'unsupported', 'timeout',
                                      'interrupted', 'dead', 'mistrusted')),
  reason TEXT NOT NULL,
  started TEXT NOT NULL,   -- UTC, ISO 8601; empty when it never did
  finished TEXT NOT NULL,
  manifest_sha256 TEXT REFERENCES manifest(sha256),
  environment_id INTEGER REFERENCES environment(id),
  build_id INTEGER REFERENCES build(id)
) STRICT;
CREATE INDEX run_key ON run(key);
CREATE UNIQUE INDEX run_newest ON run(key) WHERE newest = 1;

CREATE TABLE metric_def(
  name TEXT PRIMARY KEY,
  unit TEXT NOT NULL,
  direction TEXT NOT NULL CHECK(direction IN ('higher', 'lower', 'none')),
  description TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE metric(
  run_id INTEGER NOT NULL REFERENCES run(id),
  name TEXT NOT NULL REFERENCES metric_def(name),
  condition TEXT NOT NULL,  -- canonical; empty for the network as a whole
  value REAL NOT NULL,
  ci_lo REAL,               -- 95 %; NULL where no bound is known
  ci_hi REAL CHECK(ci_lo IS NULL OR ci_hi IS NULL OR ci_lo <= ci_hi),
  evidence TEXT NOT NULL CHECK(evidence IN ('measured', 'rtl_simulated', 'modelled', 'quoted', 'counted')),
  n INTEGER NOT NULL CHECK(n >= 0),
  PRIMARY KEY(run_id, name, condition)
) STRICT, WITHOUT ROWID;

-- All latencies of one run under one condition as one JSON array: a row per latency would make the file ten times as
-- large, and json_each() still opens it to SQL.
CREATE TABLE sample(
  run_id INTEGER NOT NULL REFERENCES run(id),
  condition TEXT NOT NULL,
  n INTEGER NOT NULL CHECK(n >= 0),
  latencies_ms TEXT NOT NULL CHECK(json_valid(latencies_ms)),
  PRIMARY KEY(run_id, condition)
) STRICT;

CREATE TABLE artifact(
  run_id INTEGER NOT NULL REFERENCES run(id),
  kind TEXT NOT NULL,
  path TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL CHECK(bytes >= 0),
  PRIMARY KEY(run_id, kind, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX artifact_sha256 ON artifact(sha256);

CREATE TABLE event(
  id INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  run_id INTEGER REFERENCES run(id),
  kind TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;

CREATE VIEW current_run AS
  SELECT e.name AS experiment, p.position, c.id AS cell_id, r.id AS run_id
  FROM experiment e
  JOIN plan p ON p.experiment_id = e.id
  JOIN run r ON r.key = p.run_key AND r.newest = 1
  -- The experiment's own names for the cell; those of another where only that one recorded it.
  JOIN cell c ON c.key = p.run_key AND c.experiment_id = coalesce(
    (SELECT own.experiment_id FROM cell own WHERE own.key = p.run_key AND own.experiment_id = e.id LIMIT 1),
    (SELECT min(other.experiment_id) FROM cell other WHERE other.key = p.run_key))
  WHERE e.plan_known = 1
  UNION ALL
  SELECT e.name, c.id, c.id, r.id
  FROM experiment e
  JOIN cell c ON c.experiment_id = e.id
  JOIN run r ON r.key = c.key AND r.newest = 1
  WHERE e.plan_known = 0;

-- condition_source: who told the network which condition a picture is in. 'none' where it has one set of masks and
-- normalisation for all, 'oracle' where the true condition was selected, 'predicted' where an estimator did.
CREATE VIEW current_passed AS
  SELECT k.experiment, k.position, c.dataset, c.model, c.method, c.target, c.seed, c.parameters, r.id AS run_id,
         r.key AS run,
         coalesce(json_extract(c.parameters, '$.condition_source'),
                  (SELECT iif(s.value > 1, 'oracle', 'none') FROM metric s
                   WHERE s.run_id = r.id AND s.name = 'condition_sets' AND s.condition = ''),
                  iif(json_extract(c.parameters, '$.method') = 'automask', 'oracle', 'none')) AS condition_source
  FROM current_run k
  JOIN run r ON r.id = k.run_id AND r.state = 'passed'
  JOIN cell c ON c.id = k.cell_id;

CREATE VIEW accuracy_by_condition AS
  SELECT k.experiment, k.dataset, k.model, k.method, m.condition, k.seed, m.value AS top1, m.ci_lo, m.ci_hi,
         m.evidence, m.n, k.target, k.condition_source, k.run, k.position
  FROM current_passed k
  JOIN metric m ON m.run_id = k.run_id AND m.name = 'top1' AND m.condition <> '';

CREATE VIEW latency AS
  SELECT k.experiment, k.dataset, k.model, k.method, k.target, m.condition, k.seed, m.value AS median_ms, m.ci_lo,
         m.ci_hi, p90.value AS p90_ms, p99.value AS p99_ms, mean.value AS mean_ms, m.evidence, m.n, k.run, k.position
  FROM current_passed k
  JOIN metric m ON m.run_id = k.run_id AND m.name = 'latency_median'
  LEFT JOIN metric p90 ON p90.run_id = k.run_id AND p90.name = 'latency_p90' AND p90.condition = m.condition
  LEFT JOIN metric p99 ON p99.run_id = k.run_id AND p99.name = 'latency_p99' AND p99.condition = m.condition
  LEFT JOIN metric mean ON mean.run_id = k.run_id AND mean.name = 'latency_mean' AND mean.condition = m.condition;

CREATE VIEW storage AS
  SELECT k.experiment, k.dataset, k.model, k.method, k.target, k.seed, CAST(m.value AS INTEGER) AS package_bytes,
         CAST(w.value AS INTEGER) AS weights_bytes, CAST(b.value AS INTEGER) AS masks_bytes,
         CAST(a.value AS INTEGER) AS normalisation_bytes, CAST(s.value AS INTEGER) AS structure_bytes,
         CAST(d.value AS INTEGER) AS dense_bytes, m.value / d.value AS share_of_dense, m.evidence, k.run, k.position
  FROM current_passed k
  JOIN metric m ON m.run_id = k.run_id AND m.name = 'package_bytes' AND m.condition = ''
  LEFT JOIN metric w ON w.run_id = k.run_id AND w.name = 'weights_bytes' AND w.condition = ''
  LEFT JOIN metric b ON b.run_id = k.run_id AND b.name = 'masks_bytes' AND b.condition = ''
  LEFT JOIN metric a ON a.run_id = k.run_id AND a.name = 'normalisation_bytes' AND a.condition = ''
  LEFT JOIN metric s ON s.run_id = k.run_id AND s.name = 'structure_bytes' AND s.condition = ''
  LEFT JOIN metric d ON d.run_id = k.run_id AND d.name = 'dense_bytes' AND d.condition = '';

-- mean and worst are over all conditions the run was tested on, clean among them.
CREATE VIEW robustness AS
  SELECT k.experiment, k.dataset, k.model, k.method, k.target, k.seed, avg(m.value) AS mean_top1,
         max(iif(m.condition = 'clean', m.value, NULL)) AS clean_top1, min(m.value) AS worst_top1,
         (SELECT w.condition FROM metric w WHERE w.run_id = k.run_id AND w.name = 'top1' AND w.condition <> ''
          ORDER BY w.value, w.condition LIMIT 1) AS worst_condition,
         count(*) AS conditions, min(m.evidence) AS evidence, k.condition_source, k.run, k.position
  FROM current_passed k
  JOIN metric m ON m.run_id = k.run_id AND m.name = 'top1' AND m.condition <> ''
  GROUP BY k.experiment, k.position, k.run_id, k.dataset, k.model, k.method, k.target, k.seed, k.condition_source;

-- One row per method (all seeds averaged). macs and latency are means over conditions. A row is on the front of a
-- cost when no other of the same data set and target has at least its accuracy for less, or more for the same.
CREATE VIEW pareto AS
  WITH per_run AS (
    SELECT k.experiment, k.dataset, k.model, k.method, k.target, k.parameters, k.condition_source,
      (SELECT avg(m.value) FROM metric m
       WHERE m.run_id = k.run_id AND m.name = 'top1' AND m.condition <> '') AS mean_top1,
      (SELECT avg(m.value) FROM metric m WHERE m.run_id = k.run_id AND m.name = 'macs') AS macs,
      (SELECT avg(m.value) FROM metric m WHERE m.run_id = k.run_id AND m.name = 'package_bytes') AS package_bytes,
      (SELECT avg(m.value) FROM metric m WHERE m.run_id = k.run_id AND m.name = 'latency_median') AS latency_median_ms
    FROM current_passed k),
  per_method AS (
    SELECT experiment, dataset, model, method, target, parameters, min(condition_source) AS condition_source,
           count(*) AS seeds, avg(mean_top1) AS mean_top1, avg(macs) AS macs, avg(package_bytes) AS package_bytes,
           avg(latency_median_ms) AS latency_median_ms
    FROM per_run WHERE mean_top1 IS NOT NULL
    GROUP BY experiment, dataset, model, method, target, parameters)
  SELECT experiment, dataset, model, method, target, seeds, mean_top1, macs,
         CAST(package_bytes AS INTEGER) AS package_bytes, latency_median_ms,
         macs IS NOT NULL
           AND mean_top1 >= max(mean_top1) OVER (up_to_macs RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
           AND mean_top1 > coalesce(max(mean_top1) OVER (up_to_macs GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                                    -1) AS on_macs_front,
         package_bytes IS NOT NULL
           AND mean_top1 >= max(mean_top1) OVER (up_to_bytes RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
           AND mean_top1 > coalesce(max(mean_top1) OVER (up_to_bytes GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                                    -1) AS on_bytes_front,
         latency_median_ms IS NOT NULL
           AND mean_top1 >= max(mean_top1) OVER (up_to_latency RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
           AND mean_top1 > coalesce(max(mean_top1) OVER (up_to_latency GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                                    -1) AS on_latency_front,
         condition_source, parameters
  FROM per_method
  WINDOW up_to_macs AS (PARTITION BY experiment, dataset, target, macs IS NULL ORDER BY macs),
         up_to_bytes AS (PARTITION BY experiment, dataset, target, package_bytes IS NULL ORDER BY package_bytes),
         up_to_latency AS (PARTITION BY experiment, dataset, target, latency_median_ms IS NULL
                           ORDER BY latency_median_ms);

-- position: the place in the manifest's order.
-- Also those that didn't pass: what the other views leave out, and why.
CREATE VIEW runs AS
  SELECT k.experiment, c.dataset, c.model, c.method, c.target, c.seed, r.state, r.reason, r.started, r.finished,
         r.key AS run, (SELECT count(*) FROM run a WHERE a.key = r.key) AS attempts,
         (SELECT count(*) FROM metric m WHERE m.run_id = r.id) AS metrics, k.position, c.parameters
  FROM current_run k
  JOIN run r ON r.id = k.run_id
  JOIN cell c ON c.id = k.cell_id;
)sql";

// Version 2: runs that were published and imported, and accuracy without a runner.
//
// A run may have passed but for the runner, which cannot execute its network (state unsupported): its accuracy, by the
// reference, counts as any other's.
constexpr const char* version_2 = R"sql(
ALTER TABLE run ADD COLUMN portable_key TEXT NOT NULL DEFAULT '';  -- as key, but the same on every machine
ALTER TABLE run ADD COLUMN origin TEXT NOT NULL DEFAULT '';        -- the published file it was imported from
ALTER TABLE run ADD COLUMN training TEXT CHECK(training IS NULL OR json_valid(training));
CREATE INDEX run_portable_key ON run(portable_key) WHERE portable_key <> '';

DROP VIEW current_passed;
CREATE VIEW current_passed AS
  SELECT k.experiment, k.position, c.dataset, c.model, c.method, c.target, c.seed, c.parameters, r.id AS run_id,
         r.key AS run,
         coalesce(json_extract(c.parameters, '$.condition_source'),
                  (SELECT iif(s.value > 1, 'oracle', 'none') FROM metric s
                   WHERE s.run_id = r.id AND s.name = 'condition_sets' AND s.condition = ''),
                  iif(json_extract(c.parameters, '$.method') = 'automask', 'oracle', 'none')) AS condition_source
  FROM current_run k
  JOIN run r ON r.id = k.run_id
    AND (r.state = 'passed'
         OR (r.state = 'unsupported' AND EXISTS (SELECT 1 FROM metric m WHERE m.run_id = r.id)))
  JOIN cell c ON c.id = k.cell_id;

-- One row per method and seed (repetitions averaged): accuracy with the predicted condition where a network has several
-- sets, the oracle's beside it.
CREATE VIEW headline_by_seed AS
  SELECT k.experiment, k.dataset, k.model, k.method, k.target, k.seed,
         coalesce(json_extract(k.parameters, '$.mac_budget'), 1.0) AS budget, avg(mean.value) AS mean_top1,
         avg(mean.ci_lo) AS ci_lo, avg(mean.ci_hi) AS ci_hi, avg(clean.value) AS clean_top1,
         avg(oracle.value) AS oracle_mean_top1, avg(severity.value) AS mean_top1_unseen_severity,
         avg(corruption.value) AS mean_top1_unseen_corruption, avg(macs.value) AS macs, avg(bytes.value) AS bytes,
         min(mean.evidence) AS evidence, k.condition_source, k.parameters, min(k.position) AS position
  FROM current_passed k
  LEFT JOIN metric mean ON mean.run_id = k.run_id AND mean.name = 'mean_top1_trained' AND mean.condition = ''
  LEFT JOIN metric clean ON clean.run_id = k.run_id AND clean.name = 'clean_top1' AND clean.condition = ''
  LEFT JOIN metric oracle ON oracle.run_id = k.run_id AND oracle.name = 'mean_top1_oracle' AND oracle.condition = ''
  LEFT JOIN metric severity ON severity.run_id = k.run_id AND severity.name = 'mean_top1_unseen_severity'
    AND severity.condition = ''
  LEFT JOIN metric corruption ON corruption.run_id = k.run_id AND corruption.name = 'mean_top1_unseen_corruption'
    AND corruption.condition = ''
  LEFT JOIN metric macs ON macs.run_id = k.run_id AND macs.name = 'mean_macs' AND macs.condition = ''
  LEFT JOIN metric bytes ON bytes.run_id = k.run_id AND bytes.name = 'package_bytes' AND bytes.condition = ''
  GROUP BY k.experiment, k.dataset, k.model, k.method, k.target, k.parameters, k.seed, k.condition_source;
)sql";

// Version 3: accuracy as deployed, and the estimator's multiply-accumulates.
constexpr const char* version_3 = R"sql(
-- accuracy: the metric that says what a network reaches: with the predicted condition where it has several sets and an
-- estimator, else top1; condition_source 'oracle' marks those that were given the condition and have no estimator.
CREATE VIEW deployed AS
  SELECT k.experiment, k.position, k.dataset, k.model, k.method, k.target, k.seed, k.parameters, k.run_id, k.run,
         iif(p.run_id IS NULL, 'top1', 'predicted_top1') AS accuracy,
         iif(p.run_id IS NULL, k.condition_source, 'predicted') AS condition_source
  FROM current_passed k
  LEFT JOIN (SELECT DISTINCT run_id FROM metric WHERE name = 'predicted_top1') p ON p.run_id = k.run_id;

-- mean and worst are over the conditions the run was tested on, clean among them.
DROP VIEW robustness;
CREATE VIEW robustness AS
  SELECT k.experiment, k.dataset, k.model, k.method, k.target, k.seed, avg(m.value) AS mean_top1,
         max(iif(m.condition = 'clean', m.value, NULL)) AS clean_top1, min(m.value) AS worst_top1,
         (SELECT w.condition FROM metric w WHERE w.run_id = k.run_id AND w.name = k.accuracy AND w.condition <> ''
          ORDER BY w.value, w.condition LIMIT 1) AS worst_condition,
         count(*) AS conditions, min(m.evidence) AS evidence, k.condition_source, k.run, k.position
  FROM deployed k
  JOIN metric m ON m.run_id = k.run_id AND m.name = k.accuracy AND m.condition <> ''
  GROUP BY k.experiment, k.position, k.run_id, k.dataset, k.model, k.method, k.target, k.seed, k.condition_source;

-- One row per method (all seeds averaged), as in version 1, of the accuracy as deployed.
DROP VIEW pareto;
CREATE VIEW pareto AS
  WITH per_run AS (
    SELECT k.experiment, k.dataset, k.model, k.method, k.target, k.parameters, k.condition_source,
      (SELECT avg(m.value) FROM metric m
       WHERE m.run_id = k.run_id AND m.name = k.accuracy AND m.condition <> '') AS mean_top1,
      (SELECT avg(m.value) FROM metric m WHERE m.run_id = k.run_id AND m.name = 'macs')
        + coalesce((SELECT sum(m.value) FROM metric m WHERE m.run_id = k.run_id
                    AND m.name IN ('estimator_macs', 'adaptation_macs')), 0) AS macs,
      (SELECT avg(m.value) FROM metric m WHERE m.run_id = k.run_id AND m.name = 'package_bytes') AS package_bytes,
      (SELECT avg(m.value) FROM metric m WHERE m.run_id = k.run_id AND m.name =
         iif(k.accuracy = 'top1', 'latency_median', 'predicted_latency_median')) AS latency_median_ms
    FROM deployed k),
  per_method AS (
    SELECT experiment, dataset, model, method, target, parameters, min(condition_source) AS condition_source,
           count(*) AS seeds, avg(mean_top1) AS mean_top1, avg(macs) AS macs, avg(package_bytes) AS package_bytes,
           avg(latency_median_ms) AS latency_median_ms
    FROM per_run WHERE mean_top1 IS NOT NULL
    GROUP BY experiment, dataset, model, method, target, parameters)
  SELECT experiment, dataset, model, method, target, seeds, mean_top1, macs,
         CAST(package_bytes AS INTEGER) AS package_bytes, latency_median_ms,
         macs IS NOT NULL
           AND mean_top1 >= max(mean_top1) OVER (up_to_macs RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
           AND mean_top1 > coalesce(max(mean_top1) OVER (up_to_macs GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                                    -1) AS on_macs_front,
         package_bytes IS NOT NULL
           AND mean_top1 >= max(mean_top1) OVER (up_to_bytes RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
           AND mean_top1 > coalesce(max(mean_top1) OVER (up_to_bytes GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                                    -1) AS on_bytes_front,
         latency_median_ms IS NOT NULL
           AND mean_top1 >= max(mean_top1) OVER (up_to_latency RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
           AND mean_top1 > coalesce(max(mean_top1) OVER (up_to_latency GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                                    -1) AS on_latency_front,
         condition_source, parameters
  FROM per_method
  WINDOW up_to_macs AS (PARTITION BY experiment, dataset, target, macs IS NULL ORDER BY macs),
         up_to_bytes AS (PARTITION BY experiment, dataset, target, package_bytes IS NULL ORDER BY package_bytes),
         up_to_latency AS (PARTITION BY experiment, dataset, target, latency_median_ms IS NULL
                           ORDER BY latency_median_ms);

-- As in version 2; macs are the network's, mean over conditions, and the estimator's.
DROP VIEW headline_by_seed;
CREATE VIEW headline_by_seed AS
  SELECT k.experiment, k.dataset, k.model, k.method, k.target, k.seed,
         coalesce(json_extract(k.parameters, '$.mac_budget'), 1.0) AS budget, avg(mean.value) AS mean_top1,
         avg(mean.ci_lo) AS ci_lo, avg(mean.ci_hi) AS ci_hi, avg(clean.value) AS clean_top1,
         avg(oracle.value) AS oracle_mean_top1, avg(severity.value) AS mean_top1_unseen_severity,
         avg(corruption.value) AS mean_top1_unseen_corruption, avg(macs.value + coalesce(estimator.value, 0)) AS macs,
         avg(bytes.value) AS bytes, min(mean.evidence) AS evidence, k.condition_source, k.parameters, min(k.position) AS position
  FROM deployed k
  LEFT JOIN metric mean ON mean.run_id = k.run_id AND mean.name = 'mean_top1_trained' AND mean.condition = ''
  LEFT JOIN metric clean ON clean.run_id = k.run_id AND clean.name = 'clean_top1' AND clean.condition = ''
  LEFT JOIN metric oracle ON oracle.run_id = k.run_id AND oracle.name = 'mean_top1_oracle' AND oracle.condition = ''
  LEFT JOIN metric severity ON severity.run_id = k.run_id AND severity.name = 'mean_top1_unseen_severity'
    AND severity.condition = ''
  LEFT JOIN metric corruption ON corruption.run_id = k.run_id AND corruption.name = 'mean_top1_unseen_corruption'
    AND corruption.condition = ''
  LEFT JOIN metric macs ON macs.run_id = k.run_id AND macs.name = 'mean_macs' AND macs.condition = ''
  LEFT JOIN metric estimator ON estimator.run_id = k.run_id AND estimator.name = 'estimator_macs'
    AND estimator.condition = ''
  LEFT JOIN metric bytes ON bytes.run_id = k.run_id AND bytes.name = 'package_bytes' AND bytes.condition = ''
  GROUP BY k.experiment, k.dataset, k.model, k.method, k.target, k.parameters, k.seed, k.condition_source;
)sql";

// Version 4: sets that are widths are no choice of condition.
constexpr const char* version_4 = R"sql(
-- widths: 1 where the sets are networks of several widths, of which the first serves all pictures.
DROP VIEW current_passed;
CREATE VIEW current_passed AS
  WITH passed AS (
    SELECT k.experiment, k.position, c.dataset, c.model, c.method, c.target, c.seed, c.parameters, r.id AS run_id,
           r.key AS run, EXISTS (SELECT 1 FROM metric m WHERE m.run_id = r.id AND m.name = 'macs'
                                 AND m.condition LIKE 'width:%') AS widths
    FROM current_run k
    JOIN run r ON r.id = k.run_id
      AND (r.state = 'passed'
           OR (r.state = 'unsupported' AND EXISTS (SELECT 1 FROM metric m WHERE m.run_id = r.id)))
    JOIN cell c ON c.id = k.cell_id)
  SELECT experiment, position, dataset, model, method, target, seed, parameters, run_id, run,
         coalesce(json_extract(parameters, '$.condition_source'),
                  (SELECT iif(s.value > 1 AND NOT widths, 'oracle', 'none') FROM metric s
                   WHERE s.run_id = passed.run_id AND s.name = 'condition_sets' AND s.condition = ''),
                  iif(json_extract(parameters, '$.method') = 'automask', 'oracle', 'none')) AS condition_source,
         widths
  FROM passed;

DROP VIEW deployed;
CREATE VIEW deployed AS
  SELECT k.experiment, k.position, k.dataset, k.model, k.method, k.target, k.seed, k.parameters, k.run_id, k.run,
         k.widths,
         iif(p.run_id IS NULL, 'top1', 'predicted_top1') AS accuracy,
         iif(p.run_id IS NULL, k.condition_source, 'predicted') AS condition_source
  FROM current_passed k
  LEFT JOIN (SELECT DISTINCT run_id FROM metric WHERE name = 'predicted_top1') p ON p.run_id = k.run_id;

-- As in version 3; of widths, the macs of the first (mean_macs, which holds the adaptation already).
DROP VIEW pareto;
CREATE VIEW pareto AS
  WITH per_run AS (
    SELECT k.experiment, k.dataset, k.model, k.method, k.target, k.parameters, k.condition_source,
      (SELECT avg(m.value) FROM metric m
       WHERE m.run_id = k.run_id AND m.name = k.accuracy AND m.condition <> '') AS mean_top1,
      iif(k.widths, (SELECT m.value FROM metric m WHERE m.run_id = k.run_id AND m.name = 'mean_macs'),
          (SELECT avg(m.value) FROM metric m WHERE m.run_id = k.run_id AND m.name = 'macs')
            + coalesce((SELECT m.value FROM metric m WHERE m.run_id = k.run_id AND m.name = 'adaptation_macs'), 0))
        + coalesce((SELECT m.value FROM metric m WHERE m.run_id = k.run_id AND m.name = 'estimator_macs'), 0) AS macs,
      (SELECT avg(m.value) FROM metric m WHERE m.run_id = k.run_id AND m.name = 'package_bytes') AS package_bytes,
      (SELECT avg(m.value) FROM metric m WHERE m.run_id = k.run_id AND m.name =
         iif(k.accuracy = 'top1', 'latency_median', 'predicted_latency_median')) AS latency_median_ms
    FROM deployed k),
  per_method AS (
    SELECT experiment, dataset, model, method, target, parameters, min(condition_source) AS condition_source,
           count(*) AS seeds, avg(mean_top1) AS mean_top1, avg(macs) AS macs, avg(package_bytes) AS package_bytes,
           avg(latency_median_ms) AS latency_median_ms
    FROM per_run WHERE mean_top1 IS NOT NULL
    GROUP BY experiment, dataset, model, method, target, parameters)
  SELECT experiment, dataset, model, method, target, seeds, mean_top1, macs,
         CAST(package_bytes AS INTEGER) AS package_bytes, latency_median_ms,
         macs IS NOT NULL
           AND mean_top1 >= max(mean_top1) OVER (up_to_macs RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
           AND mean_top1 > coalesce(max(mean_top1) OVER (up_to_macs GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                                    -1) AS on_macs_front,
         package_bytes IS NOT NULL
           AND mean_top1 >= max(mean_top1) OVER (up_to_bytes RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
           AND mean_top1 > coalesce(max(mean_top1) OVER (up_to_bytes GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                                    -1) AS on_bytes_front,
         latency_median_ms IS NOT NULL
           AND mean_top1 >= max(mean_top1) OVER (up_to_latency RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
           AND mean_top1 > coalesce(max(mean_top1) OVER (up_to_latency GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                                    -1) AS on_latency_front,
         condition_source, parameters
  FROM per_method
  WINDOW up_to_macs AS (PARTITION BY experiment, dataset, target, macs IS NULL ORDER BY macs),
         up_to_bytes AS (PARTITION BY experiment, dataset, target, package_bytes IS NULL ORDER BY package_bytes),
         up_to_latency AS (PARTITION BY experiment, dataset, target, latency_median_ms IS NULL
                           ORDER BY latency_median_ms);

-- As in version 3; widths have no budget, but the first has its share of the MACs.
DROP VIEW headline_by_seed;
CREATE VIEW headline_by_seed AS
  SELECT k.experiment, k.dataset, k.model, k.method, k.target, k.seed,
         coalesce(json_extract(k.parameters, '$.mac_budget'),
                  iif(k.widths, round(avg(macs.value / dense.value), 3), NULL), 1.0) AS budget, avg(mean.value) AS mean_top1,
         avg(mean.ci_lo) AS ci_lo, avg(mean.ci_hi) AS ci_hi, avg(clean.value) AS clean_top1,
         avg(oracle.value) AS oracle_mean_top1, avg(severity.value) AS mean_top1_unseen_severity,
         avg(corruption.value) AS mean_top1_unseen_corruption, avg(macs.value + coalesce(estimator.value, 0)) AS macs,
         avg(bytes.value) AS bytes, min(mean.evidence) AS evidence, k.condition_source, k.parameters, min(k.position) AS position
  FROM deployed k
  LEFT JOIN metric mean ON mean.run_id = k.run_id AND mean.name = 'mean_top1_trained' AND mean.condition = ''
  LEFT JOIN metric clean ON clean.run_id = k.run_id AND clean.name = 'clean_top1' AND clean.condition = ''
  LEFT JOIN metric oracle ON oracle.run_id = k.run_id AND oracle.name = 'mean_top1_oracle' AND oracle.condition = ''
  LEFT JOIN metric severity ON severity.run_id = k.run_id AND severity.name = 'mean_top1_unseen_severity'
    AND severity.condition = ''
  LEFT JOIN metric corruption ON corruption.run_id = k.run_id AND corruption.name = 'mean_top1_unseen_corruption'
    AND corruption.condition = ''
  LEFT JOIN metric macs ON macs.run_id = k.run_id AND macs.name = 'mean_macs' AND macs.condition = ''
  LEFT JOIN metric dense ON dense.run_id = k.run_id AND dense.name = 'macs_dense' AND dense.condition = ''
  LEFT JOIN metric estimator ON estimator.run_id = k.run_id AND estimator.name = 'estimator_macs'
    AND estimator.condition = ''
  LEFT JOIN metric bytes ON bytes.run_id = k.run_id AND bytes.name = 'package_bytes' AND bytes.condition = ''
  GROUP BY k.experiment, k.dataset, k.model, k.method, k.target, k.parameters, k.seed, k.condition_source;
)sql";

constexpr Migration table[] = {
    {1, version_1},
    {2, version_2},
    {3, version_3},
    {4, version_4},
};

int pragma(SQLite::Database& database, const char* name) {
  return database.execAndGet(std::string("PRAGMA ") + name).getInt();
}

std::filesystem::path backup_path(const std::filesystem::path& file, int version) {
  return file.string() + ".schema-" + std::to_string(version);
}

// Called while the write lock is held, so the copy is of the last state of the old schema, whatever lies in the WAL.
void back_up(const std::filesystem::path& file, int version) {
  const std::filesystem::path target = backup_path(file, version);
  const std::filesystem::path partial = target.string() + ".tmp";
  std::error_code ignored;
  std::filesystem::remove(partial, ignored);
  {
    SQLite::Database source(file.string(), SQLite::OPEN_READONLY, 10000);
    source.backup(partial.c_str(), SQLite::Database::Save);
  }
  std::filesystem::rename(partial, target);
}

}  // namespace

std::span<const Migration> migrations() { return table; }
int schema_version() { return table[std::size(table) - 1].version; }

int check_schema(SQLite::Database& database, const std::filesystem::path& file, std::span<const Migration> known) {
  return guarded(file, "opening it", [&] {
    // One view of the file: another process may be creating it right now.
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::DEFERRED);
    const int version = pragma(database, "user_version");
    const int owner = pragma(database, "application_id");
    const bool empty = database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() == 0;
    if (empty && version == 0) return 0;
    if (owner != application_id)
      throw Error(ExitCode::corrupt, file.string(), "is a database of another program, not a results database",
                  "name another --store");
    if (version > known.back().version)
      throw Error(ExitCode::corrupt, file.string(),
                  fmt::format("has schema {}, this program knows {}", version, known.back().version),
                  "use a newer automask, or another --store");
    return version;
  });
}

void migrate(SQLite::Database& database, const std::filesystem::path& file, std::span<const Migration> known) {
  guarded(file, "migrating it", [&] {
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    // Another process may have migrated while this one waited for the lock.
    const int before = pragma(database, "user_version");
    if (before >= known.back().version) return;
    if (before > 0) back_up(file, before);
    for (const Migration& migration : known) {
      if (migration.version <= before) continue;
      database.exec(migration.sql);
    }
    if (before > 0) {
      SQLite::Statement event(
          database, "INSERT INTO event(at, kind, detail) VALUES(strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), ?, ?)");
      event.bind(1, "migrated");
      event.bind(2, fmt::format("schema {} to {}, copy in {}", before, known.back().version,
                                backup_path(file, before).filename().string()));
      event.exec();
    }
    database.exec(fmt::format("PRAGMA application_id = {}", application_id));
    database.exec(fmt::format("PRAGMA user_version = {}", known.back().version));
    transaction.commit();
  });
}

}  // namespace automask::results
