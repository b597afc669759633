#pragma once
// Inside of the room: the page. Nothing in it comes from anywhere but `data`, so equal data give equal bytes.
#include <string>

#include "results/report_data.h"

namespace automask::results {

std::string html_page(const ReportData& data);
std::string markdown_page(const ReportData& data);

}  // namespace automask::results
