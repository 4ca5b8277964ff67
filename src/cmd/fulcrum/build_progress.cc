#include "cmd/fulcrum/build_progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "cmd/fulcrum/output.h"

namespace fulcrum::cli {

namespace {

std::int64_t number_at(const json::value& line, std::string_view key) {
  const auto& found = at(line, key);
  return found.is_int64() ? found.get_int64() : 0;
}

std::size_t terminal_width() {
  struct winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

std::string seconds_since(std::chrono::steady_clock::time_point begun) {
  return fmt::format("{:.1f}s", std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
}

}  // namespace

void BuildProgress::update(const json::value& line) {
  if (display_ == BuildDisplay::json) return print_line(json::serialize(line));
  if (display_ == BuildDisplay::quiet) return;
  const auto type = text_at(line, "type");
  if (type == "warning") return show("warning: " + printable(text_at(line, "text")));
  if (type == "step") return begin(line);
  const auto found = running_.find(number_at(line, "stage"));
  if (found == running_.end()) return;
  auto& step = found->second;
  if (type == "cached") step.cached = true;
  if (type == "output") output(step, text_at(line, "text"));
  if (type == "pull") step.last_line = text_at(line, "id") + " " + text_at(line, "text");
  if (type == "triggers") show(label(step) + " " + text_at(line, "text") + " ONBUILD instructions of the base image");
  if (type == "done") {
    finish(step);
    running_.erase(found);
  }
  if (display_ == BuildDisplay::terminal) draw();
}

void BuildProgress::begin(const json::value& line) {
  steps_ = number_at(line, "steps");
  auto& step = running_[number_at(line, "stage")];
  step = {.number = number_at(line, "step"), .text = text_at(line, "text"), .begun = std::chrono::steady_clock::now()};
  if (display_ == BuildDisplay::plain) {
    show(label(step) + " " + printable(step.text));
  } else {
    draw();
  }
}

void BuildProgress::output(Step& step, const std::string& text) {
  step.partial += text;
  for (auto end = step.partial.find('\n'); end != std::string::npos; end = step.partial.find('\n')) {
    step.last_line = step.partial.substr(0, end);
    step.partial.erase(0, end + 1);
    if (display_ == BuildDisplay::plain) show(label(step) + " | " + printable(step.last_line));
  }
}

void BuildProgress::finish(const Step& step) {
  if (!step.partial.empty() && display_ == BuildDisplay::plain) show(label(step) + " | " + printable(step.partial));
  const auto how = step.cached ? std::string("CACHED") : seconds_since(step.begun);
  if (display_ == BuildDisplay::plain) return show(label(step) + " " + how);
  show(label(step) + " " + printable(step.text).substr(0, terminal_width() - 24) + "  " + how);
}

std::string BuildProgress::label(const Step& step) const { return fmt::format("[{}/{}]", step.number, steps_); }

void BuildProgress::show(const std::string& text) {
  clear();
  note(text);
}

void BuildProgress::clear() {
  if (drawn_ > 0) note(fmt::format("\033[{}A\033[J\033[1A", drawn_));
  drawn_ = 0;
}

void BuildProgress::draw() {
  clear();
  for (const auto& [stage, step] : running_) {
    auto text = label(step) + " " + printable(step.text) + "  " + seconds_since(step.begun);
    if (!step.last_line.empty()) text += "  " + printable(step.last_line);
    note(text.substr(0, terminal_width() - 1));
    ++drawn_;
  }
}

void BuildProgress::end() {
  if (display_ == BuildDisplay::terminal) clear();
}

}  // namespace fulcrum::cli
