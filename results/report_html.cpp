#include "results/report_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "results/markup.h"
#include "results/plot.h"
#include "results/report_style.h"
#include "results/report_text.h"

namespace automask::results {
namespace {

std::string run_anchor(const std::string& key) { return anchor("run-", key); }

// Where a number's runs stand in the table of runs: with several seeds, the first of them.
std::string link_of(const Number& number) { return number.runs.empty() ? "" : "#" + run_anchor(number.runs.front()); }

std::string runs_tip(const Number& number) {
  std::string text = number.runs.size() == 1 ? "run " : "runs ";
  for (std::size_t i = 0; i < number.runs.size(); ++i) text += (i == 0 ? "" : ", ") + short_key(number.runs[i]);
  return text;
}

std::string tip_of(const std::string& what, const Number& number, std::string (*format)(double),
                   const std::string& unit) {
  const std::string interval = interval_text(number, format);
  return fmt::format("{}: {}{}{}{}, {}, {}", what, format(number.value), unit.empty() ? "" : " ", unit,
                     interval.empty() ? "" : " " + interval, evidence_text(number), runs_tip(number));
}

plot::Mark mark_of(const std::string& what, const Number& number, std::string (*format)(double),
                   const std::string& unit) {
  if (!number.known) return {};
  return {number.value, number.low, number.high, link_of(number), tip_of(what, number, format, unit)};
}

std::string whole(double value) { return fmt::format("{:.0f}", value); }
std::string share(double value) { return fmt::format("{:.1f} %", 100 * value); }

class Page {
 public:
  explicit Page(const ReportData& data) : data_(data) {}

  std::string str() {
    html_.trusted("<!DOCTYPE html>\n");
    html_.open("html", {{"lang", "en"}}).line().open("head").line();
    html_.empty("meta", {{"charset", "utf-8"}}).line();
    html_.empty("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}}).line();
    html_.element("title", {}, "AutoMask report: " + data_.experiment).line();
    html_.open("style").trusted(report_style).close().line().close().line();
    html_.open("body").line();
    head();
    if (data_.runs.empty()) {
      html_.element("p", {}, "No run of this experiment is recorded yet.").line();
    } else if (data_.sections.empty()) {
      html_
          .element("p", {},
                   "No run of this experiment has passed: there is nothing to compare. The runs below say why.")
          .line();
    }
    for (std::size_t i = 0; i < data_.sections.size(); ++i) section(data_.sections[i], i);
    if (!data_.runs.empty()) runs();
    documents("environments", "Environments", "Environment", data_.environments);
    documents("builds", "Builds", "Build", data_.builds);
    legend();
    html_.close().line().close().line();
    return html_.str();
  }

 private:
  void note(const std::string& text) { html_.element("p", {{"class", "note"}}, text).line(); }

  void head() {
    html_.element("h1", {}, "AutoMask report: " + data_.experiment).line();
    std::string from, to;
    for (const RunRow& run : data_.runs) {
      if (!run.started.empty() && (from.empty() || run.started < from)) from = run.started;
      to = std::max(to, run.finished);
    }
    std::string facts = "Runs: " + states_text(data_.runs) + ".";
    if (!from.empty()) facts += " Recorded from " + from + " to " + to + ".";
    if (!data_.manifest_sha256.empty()) facts += " Manifest " + short_key(data_.manifest_sha256) + ".";
    html_.element("p", {{"class", "soft"}}, facts).line();
    html_.element("p", {{"class", "note"}}, reading_note).line();
    if (data_.sections.size() < 2) return;
    html_.open("nav").open("ul");
    for (std::size_t i = 0; i < data_.sections.size(); ++i)
      html_.open("li")
          .element("a", {{"href", fmt::format("#section-{}", i + 1)}}, section_title(data_.sections[i]))
          .close();
    html_.close().close().line();
  }

  void section(const Section& section, std::size_t index) {
    html_.element("h2", {{"id", fmt::format("section-{}", index + 1)}}, section_title(section)).line();
    absent(section);
    accuracy(section);
    predicted(section);
    apart(section, "Conditions never trained on", "Top-1 accuracy in percent on held-out conditions; higher is better",
          held_out_columns(section), held_out_note);
    apart(section, "Mixes of conditions", "Top-1 accuracy in percent and median latency, conditions weighted",
          mix_columns(section), mix_note);
    costs(section);
    latency(section);
    storage(section);
  }

  // What a reader would otherwise have to miss: cells without a passed run.
  void absent(const Section& section) {
    bool first = true;
    for (const RunRow& run : data_.runs) {
      if (run.state == "passed" || run.dataset != section.dataset || run.model != section.model ||
          run.target != section.target)
        continue;
      if (first) html_.open("p", {{"class", "oracle"}}).text("Did not pass and are not shown: ");
      if (!first) html_.text(", ");
      first = false;
      html_.element("a", {{"href", "#" + run_anchor(run.key)}},
                    fmt::format("{} seed {} ({})", run.method, run.seed, run.state));
    }
    if (!first) html_.text(".").close().line();
  }

  void open_table(const std::string& caption, const char* classes) {
    html_.open("div", {{"class", "scroll"}}).open("table", {{"class", classes}}).line();
    html_.element("caption", {}, caption).line();
  }
  void close_table() { html_.close().close().line().close().line(); }  // tbody, table, div

  // A name as a head: it may break after the marks between its parts.
  void head_cell(const char* scope, const std::string& name, const std::vector<std::string>& runs = {}) {
    html_.open("th", {{"scope", scope}});
    std::string part;
    for (const char c : name) {
      part += c;
      if (c == '_' || c == ':') {
        html_.text(part).trusted("<wbr/>");
        part.clear();
      }
    }
    html_.text(part);
    if (runs.size() > 1) {
      // A number over several seeds links to the first; here are all of them.
      html_.open("span", {{"class", "interval"}}).text("runs");
      for (std::size_t i = 0; i < runs.size(); ++i)
        html_.text(" ").element("a", {{"href", "#" + run_anchor(runs[i])}, {"title", runs[i]}}, std::to_string(i + 1));
      html_.close();
    }
    html_.close();
  }
  void condition_head(const std::string& condition) { head_cell("col", condition.empty() ? "all" : condition); }

  void cell(const Number& number, std::string (*format)(double), std::string (*bound)(double), bool best,
            const std::string& exact = {}) {
    if (!number.known) {
      html_.element("td", {}, "–");
      return;
    }
    html_.open("td", {{"class", best ? "best" : ""}});
    html_.element("a", {{"href", link_of(number)}, {"title", (exact.empty() ? "" : exact + ", ") + runs_tip(number)}},
                  format(number.value));
    html_.open("sup", {{"title", evidence_text(number)}}).text(evidence_letters(number)).close();
    const std::string interval = interval_text(number, bound);
    if (!interval.empty()) html_.element("span", {{"class", "interval"}}, interval);
    html_.close();
  }

  // Methods as rows; columns of numbers, each with its format.
  struct Column {
    std::vector<Number> numbers;  // one a method
    std::string (*format)(double);
    std::string (*bound)(double);
    bool higher, ranked = true;
    bool exact = false;  // the number in full as a tip
  };
  void rows(const Section& section, const std::vector<Column>& columns) {
    std::vector<std::vector<bool>> best;
    for (const Column& column : columns)
      best.push_back(column.ranked ? best_rows(column.numbers, column.higher)
                                   : std::vector<bool>(column.numbers.size()));
    html_.open("tbody").line();
    for (std::size_t method = 0; method < section.methods.size(); ++method) {
      html_.open("tr");
      head_cell("row", section.methods[method].label, section.methods[method].runs);
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const Number& number = columns[i].numbers[method];
        cell(number, columns[i].format, columns[i].bound, best[i][method],
             columns[i].exact && number.known ? whole(number.value) : "");
      }
      html_.close().line();
    }
  }

  static Column column(const Section& section, const std::string& metric, const std::string& condition,
                       std::string (*format)(double), std::string (*bound)(double), bool higher) {
    Column result{{}, format, bound, higher};
    for (const MethodRow& method : section.methods) result.numbers.push_back(method.metric(metric, condition));
    return result;
  }
  static Column mean_column(const Section& section, const std::string& metric, std::string (*format)(double),
                            std::string (*bound)(double), bool higher) {
    Column result{{}, format, bound, higher};
    for (const MethodRow& method : section.methods) result.numbers.push_back(method.mean(metric));
    return result;
  }

  void accuracy(const Section& section) {
    const std::vector<std::string> conditions = conditions_of(section, "top1");
    html_.element("h3", {}, "Accuracy by condition").line();
    if (conditions.empty()) {
      note("No accuracy is recorded here.");
      return;
    }
    if (const std::string who = condition_note(section); !who.empty())
      html_.element("p", {{"class", "oracle"}}, who).line();

    plot::DotPlot plot;
    plot.title = "Top-1 accuracy by condition, with 95 % intervals";
    plot.axis = "top-1 accuracy, % (the axis need not start at zero)";
    for (const MethodRow& method : section.methods) plot.series.push_back(method.label);
    for (const std::string& condition : conditions) {
      plot.rows.push_back(condition.empty() ? "all" : condition);
      std::vector<plot::Mark>& marks = plot.marks.emplace_back();
      for (const MethodRow& method : section.methods)
        marks.push_back(mark_of(method.label + ", " + condition, method.metric("top1", condition), percent, "%"));
    }
    html_.open("div", {{"class", "plots single"}}).open("div").trusted(draw(plot)).close().close().line();

    open_table("Top-1 accuracy in percent, methods by conditions; higher is better; " + seeds_text(section), "matrix");
    html_.open("thead").open("tr").element("th", {{"scope", "col"}}, "method");
    html_.element("th", {{"scope", "col"}}, "mean over conditions");
    for (const std::string& condition : conditions) condition_head(condition);
    html_.close().close().line();
    std::vector<Column> columns = {mean_column(section, "top1", percent, percent1, true)};
    for (const std::string& condition : conditions)
      columns.push_back(column(section, "top1", condition, percent, percent1, true));
    rows(section, columns);
    close_table();
    note(interval_note);
  }

  void predicted(const Section& section) {
    const std::vector<PredictedColumn> heads = predicted_columns(section);
    if (heads.empty()) return;
    html_.element("h3", {}, "Who knows the condition").line();
    open_table(
        "Top-1 accuracy in percent and median latency, methods by who knew the condition; " + seeds_text(section),
        "matrix");
    html_.open("thead").open("tr").element("th", {{"scope", "col"}}, "method");
    std::vector<Column> columns;
    for (const PredictedColumn& head : heads) {
      if (head.condition.empty())
        html_.element("th", {{"scope", "col"}}, head.head);
      else
        condition_head(head.condition);
      const auto format = head.milliseconds ? milliseconds : percent,
                 bound = head.milliseconds ? milliseconds : percent1;
      columns.push_back(head.mean ? mean_column(section, head.metric, format, bound, !head.milliseconds)
                                  : column(section, head.metric, head.condition, format, bound, !head.milliseconds));
      columns.back().ranked = head.metric != "estimator_accuracy";
    }
    html_.close().close().line();
    rows(section, columns);
    close_table();
    note(predicted_note);
  }

  void apart(const Section& section, const char* title, const std::string& caption,
             const std::vector<PredictedColumn>& heads, const char* text) {
    if (heads.empty()) return;
    html_.element("h3", {}, title).line();
    open_table(caption + "; " + seeds_text(section), "matrix");
    html_.open("thead").open("tr").element("th", {{"scope", "col"}}, "method");
    std::vector<Column> columns;
    for (const PredictedColumn& head : heads) {
      if (head.condition.empty() || head.condition != head.head)
        html_.element("th", {{"scope", "col"}}, head.head);
      else
        condition_head(head.condition);
      const auto format = head.milliseconds ? milliseconds : percent,
                 bound = head.milliseconds ? milliseconds : percent1;
      columns.push_back(column(section, head.metric, head.condition, format, bound, !head.milliseconds));
    }
    html_.close().close().line();
    rows(section, columns);
    close_table();
    note(text);
  }

  // Accuracy against what it costs.
  void costs(const Section& section) {
    std::vector<std::string> drawings;
    const auto scatter = [&](const std::string& metric, plot::Scatter plot, std::string (*format)(double)) {
      // Whoever predicts the condition takes the time to do so.
      const auto cost_of = [&](const MethodRow& method) -> const Number& {
        const bool predicts = metric == "latency_median" && method.condition_source == "predicted";
        return method.mean(predicts ? "predicted_latency_median" : metric);
      };
      std::vector<const MethodRow*> shown;
      for (const MethodRow& method : section.methods)
        if (method.mean("top1").known && cost_of(method).known) shown.push_back(&method);
      if (shown.empty()) return;
      plot.y_axis = "mean top-1 over conditions, %";
      for (const MethodRow& method : section.methods) {
        const Number &top1 = method.mean("top1"), &cost = cost_of(method);
        plot::Scatter::Point point;
        point.label = method.label;
        if (!top1.known || !cost.known) continue;
        point.x = cost.value;
        point.y = mark_of(method.label, top1, percent, "%");
        point.y.tip += "; " + format(cost.value) + ", " + evidence_text(cost);
        point.series = static_cast<std::size_t>(&method - section.methods.data());
        point.front = std::none_of(shown.begin(), shown.end(), [&](const MethodRow* other) {
          const double t = other->mean("top1").value, c = cost_of(*other).value;
          return (t >= top1.value && c < cost.value) || (t > top1.value && c <= cost.value);
        });
        plot.points.push_back(point);
      }
      drawings.push_back(draw(plot));
    };
    plot::Scatter macs;
    macs.title = "Accuracy against computation";
    macs.x_axis = "multiply-accumulates (MACs) of one inference, mean over conditions";
    macs.x_label = si;
    scatter("macs", macs, si);
    plot::Scatter size;
    size.title = "Accuracy against stored bytes";
    size.x_axis = "bytes of the deployable file";
    size.x_label = bytes;
    size.binary_ticks = true;
    scatter("package_bytes", size, bytes);
    plot::Scatter time;
    time.title = "Accuracy against latency";
    time.x_axis = "median latency of one inference, ms, mean over conditions";
    time.x_label = milliseconds;
    scatter("latency_median", time, milliseconds);
    if (drawings.empty()) return;
    html_.element("h3", {}, "Accuracy against cost").line();
    html_.open("div", {{"class", "plots"}});
    for (const std::string& drawing : drawings) html_.open("div").trusted(drawing).close().line();
    html_.close().line();
    note("The dashed line joins the methods that no other beats on both axes.");
    std::string missing;
    for (const MethodRow& method : section.methods)
      if (!method.mean("top1").known) missing += (missing.empty() ? "" : ", ") + method.label;
    if (!missing.empty()) note("Without a mean, because some condition is missing: " + missing + ".");
  }

  void latency(const Section& section) {
    const std::vector<std::string> conditions = conditions_of(section, "latency_median");
    if (conditions.empty()) return;
    html_.element("h3", {}, "Latency").line();
    plot::Spread plot;
    plot.title = "Latency of one inference, mean over conditions";
    plot.axis = "milliseconds";
    for (const MethodRow& method : section.methods) {
      plot::Spread::Row row;
      row.label = method.label;
      row.median = mark_of(method.label + ", median", method.mean("latency_median"), milliseconds, "ms");
      const Number &p90 = method.mean("latency_p90"), &p99 = method.mean("latency_p99");
      if (p90.known) row.p90 = p90.value;
      if (p99.known) row.p99 = p99.value;
      plot.rows.push_back(row);
    }
    html_.open("div", {{"class", "plots single"}}).open("div").trusted(draw(plot)).close().close().line();

    open_table("Latency in milliseconds, mean over conditions; lower is better", "");
    html_.open("thead").open("tr");
    for (const char* head : {"method", "median", "90th percentile", "99th percentile", "mean"})
      html_.element("th", {{"scope", "col"}}, head);
    html_.close().close().line();
    std::vector<Column> columns;
    for (const char* metric : {"latency_median", "latency_p90", "latency_p99", "latency_mean"})
      columns.push_back(mean_column(section, metric, milliseconds, milliseconds, false));
    rows(section, columns);
    close_table();

    html_.open("details").element("summary", {}, "Latency by condition").line();
    for (const auto& [metric, name] :
         {std::pair("latency_median", "Median"), std::pair("latency_p90", "90th percentile of"),
          std::pair("latency_p99", "99th percentile of")}) {
      open_table(std::string(name) + " latency in milliseconds, methods by conditions", "matrix");
      html_.open("thead").open("tr").element("th", {{"scope", "col"}}, "method");
      for (const std::string& condition : conditions) condition_head(condition);
      html_.close().close().line();
      columns.clear();
      for (const std::string& condition : conditions)
        columns.push_back(column(section, metric, condition, milliseconds, milliseconds, false));
      rows(section, columns);
      close_table();
    }
    html_.close().line();
    note(latency_note);
  }

  void storage(const Section& section) {
    if (conditions_of(section, "package_bytes").empty()) return;
    html_.element("h3", {}, "Stored bytes and computation").line();
    plot::Stack plot;
    plot.title = "Bytes of the deployable file, by part";
    plot.axis = "bytes";
    for (const StoragePart& part : storage_parts()) plot.parts.emplace_back(part.label);
    bool parts_known = false;
    for (const MethodRow& method : section.methods) {
      plot::Stack::Row row;
      row.label = method.label;
      const Number& total = method.metric("package_bytes");
      row.total = total.known ? bytes(total.value) : "not known";
      row.link = link_of(total);
      for (const StoragePart& part : storage_parts()) {
        const Number& number = method.metric(part.metric);
        row.lengths.push_back(number.known ? number.value : plot::none);
        parts_known |= number.known;
      }
      plot.rows.push_back(row);
    }
    if (parts_known)
      html_.open("div", {{"class", "plots single"}}).open("div").trusted(draw(plot)).close().close().line();

    open_table("Bytes of the deployable file and of its parts, and the MACs of one inference", "");
    html_.open("thead")
        .open("tr")
        .element("th", {{"scope", "col"}}, "method")
        .element("th", {{"scope", "col"}}, "file");
    for (const StoragePart& part : storage_parts()) html_.element("th", {{"scope", "col"}}, part.label);
    for (const char* head : {"dense FP32", "MACs", "MACs of dense"}) html_.element("th", {{"scope", "col"}}, head);
    html_.close().close().line();
    std::vector<Column> columns = {column(section, "package_bytes", "", bytes, bytes, false)};
    for (const StoragePart& part : storage_parts()) {
      columns.push_back(column(section, part.metric, "", bytes, bytes, false));
      columns.back().ranked = false;
    }
    columns.push_back(column(section, "dense_bytes", "", bytes, bytes, false));
    columns.back().ranked = false;
    for (Column& bytes_column : columns) bytes_column.exact = true;
    columns.push_back(mean_column(section, "macs", si, si, false));
    columns.back().exact = true;
    columns.push_back(mean_column(section, "macs_share", share, share, false));
    rows(section, columns);
    close_table();
    note(storage_note);
  }

  void runs() {
    html_.element("h2", {{"id", "runs"}}, "Runs").line();
    open_table("Every run of the newest plan; numbers above link here", "runs");
    html_.open("thead").open("tr");
    for (const char* head : {"key", "data set", "model", "method", "target", "seed", "state", "reason", "started",
                             "finished", "attempts", "environment", "build"})
      html_.element("th", {{"scope", "col"}, {"class", "text"}}, head);
    html_.close().close().line().open("tbody").line();
    std::vector<std::string> seen;
    for (const RunRow& run : data_.runs) {
      // Two names for the same steps share a run, but an id stands once.
      const bool again = std::find(seen.begin(), seen.end(), run.key) != seen.end();
      seen.push_back(run.key);
      const std::string id = run_anchor(run.key) + (again ? fmt::format(".again{}", seen.size()) : "");
      html_.open("tr", {{"id", id}});
      html_.open("th", {{"scope", "row"}}).element("code", {{"title", run.key}}, short_key(run.key)).close();
      for (const std::string& value : {run.dataset, run.model, run.method, run.target})
        html_.element("td", {{"class", "text"}}, value);
      html_.element("td", {}, std::to_string(run.seed));
      html_.element("td", {{"class", run.state == "passed" ? "text" : "text bad"}}, run.state);
      html_.element("td", {{"class", "text wrap"}}, run.reason);
      html_.element("td", {{"class", "text"}}, run.started).element("td", {{"class", "text"}}, run.finished);
      html_.element("td", {}, std::to_string(run.attempts));
      reference("environment", run.environment);
      reference("build", run.build);
      html_.close().line();
    }
    close_table();
  }

  void reference(const std::string& kind, std::int64_t ordinal) {
    html_.open("td");
    if (ordinal > 0)
      html_.element("a", {{"href", fmt::format("#{}-{}", kind, ordinal)}}, std::to_string(ordinal));
    else
      html_.text("–");
    html_.close();
  }

  void documents(const std::string& id, const char* title, const char* one, const std::vector<core::Json>& documents) {
    if (documents.empty()) return;
    html_.element("h2", {{"id", id}}, title).line();
    for (std::size_t i = 0; i < documents.size(); ++i) {
      std::string name(one);
      std::string target = name;
      std::transform(target.begin(), target.end(), target.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
      html_.open("div", {{"class", "scroll"}, {"id", fmt::format("{}-{}", target, i + 1)}});
      html_.open("table", {{"class", "facts"}})
          .element("caption", {}, fmt::format("{} {}", one, i + 1))
          .open("tbody")
          .line();
      for (const auto& [key, value] : flattened(documents[i]))
        html_.open("tr").element("th", {{"scope", "row"}}, key).element("td", {}, value).close().line();
      html_.close().close().close().line();
    }
  }

  void legend() {
    html_.element("h2", {{"id", "legend"}}, "How to read the numbers").line();
    html_.open("div", {{"class", "scroll"}}).open("table", {{"class", "facts"}});
    html_.element("caption", {}, "Small letters beside numbers: the evidence they stand on").open("tbody").line();
    for (const Evidence& evidence : evidence_legend())
      html_.open("tr")
          .element("th", {{"scope", "row"}}, evidence.letter)
          .element("td", {}, evidence.name)
          .element("td", {}, evidence.meaning)
          .close()
          .line();
    html_.close().close().close().line();
    note(fmt::format(
        "Written from a results database of schema {}; the same database gives the same page, byte for byte.",
        data_.schema));
  }

  const ReportData& data_;
  Markup html_;
};

}  // namespace

std::string html_page(const ReportData& data) { return Page(data).str(); }

}  // namespace automask::results
