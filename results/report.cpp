#include "results/report.h"

#include "core/atomic_file.h"
#include "results/report_data.h"
#include "results/report_html.h"

namespace automask::results {

ReportFiles write_report(const Store& store, const std::string& experiment, const std::filesystem::path& folder) {
  const ReportData data = gather(store, experiment);
  const ReportFiles files{folder / "report.html", folder / "report.md"};
  core::write_file_atomically(files.html, html_page(data));
  core::write_file_atomically(files.markdown, markdown_page(data));
  return files;
}

std::string markdown_summary(const Store& store, const std::string& experiment) {
  return markdown_page(gather(store, experiment));
}

}  // namespace automask::results
