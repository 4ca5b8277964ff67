#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/process.h"
#include "base/sys.h"
#include "commands.h"
#include "schema/schema.h"

namespace fulcrum::oci_cli {
namespace {

namespace json = boost::json;

json::object describe(const runtime::Container& container, runtime::Status status) {
  const auto& state = container.state();
  json::object object;
  object["ociVersion"] = state.oci_version;
  object["id"] = state.id;
  object["pid"] = status == runtime::Status::stopped ? 0 : state.pid;
  object["status"] = std::string(runtime::to_string(status));
  object["bundle"] = state.bundle;
  object["rootfs"] = state.rootfs;
  object["created"] = state.created;
  if (!state.annotations.empty()) {
    json::object annotations;
    for (const auto& [key, value] : state.annotations) annotations[key] = value;
    object["annotations"] = std::move(annotations);
  }
  return object;
}

/// The name of a uid out of /etc/passwd, without the name service: "#1000" when it has none.
std::string owner_name(uid_t uid) {
  const auto text = sys::read_file("/etc/passwd", 1 << 20);
  if (text) {
    const auto wanted = ":" + std::to_string(uid) + ":";
    for (std::size_t at = 0; at < text->size();) {
      const auto end = std::min(text->find('\n', at), text->size());
      const auto line = std::string_view(*text).substr(at, end - at);
      at = end + 1;
      const auto name = line.substr(0, line.find(':'));
      const auto second = line.find(':', name.size() + 1);
      if (second != std::string_view::npos && line.substr(second).starts_with(wanted)) return std::string(name);
    }
  }
  return "#" + std::to_string(uid);
}

struct Listed {
  json::object object;
  std::string owner;
};

Result<std::vector<Listed>> list_containers(const Session& session) {
  std::vector<Listed> result;
  auto names = sys::list_directory(session.root);
  if (!names && names.error().code == Code::not_found) return result;
  if (!names) return std::unexpected(std::move(names).error());
  for (const auto& name : *names) {
    if (!runtime::check_id(name)) continue;
    const auto st = TRY(sys::lstat(session.root + "/" + name));
    if (!st || !S_ISDIR(st->st_mode)) continue;
    auto container = runtime::Container::open(session.root, name);
    if (!container) {
      session.report.debug(fmt::format("load container {}: {}", name, container.error().message));
      continue;
    }
    const auto status = container->status();
    if (!status) continue;
    result.push_back({describe(*container, *status), owner_name(st->st_uid)});
  }
  return result;
}

std::string text_of(const json::value& value) { return value.is_string() ? std::string(value.get_string()) : json::serialize(value); }

std::string table(const std::vector<Listed>& list) {
  std::vector<std::vector<std::string>> rows{{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const auto& entry : list) {
    std::vector<std::string> row;
    for (const char* key : {"id", "pid", "status", "bundle", "created"}) row.push_back(text_of(entry.object.at(key)));
    row.push_back(entry.owner);
    rows.push_back(std::move(row));
  }
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max({widths[i], row[i].size() + 3, std::size_t{12}});
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) text += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}", row[i], widths[i]);
    text += '\n';
  }
  return text;
}

/// The column of the process id in the output of ps(1).
Result<std::size_t> pid_column(std::string_view title) {
  std::size_t column = 0;
  for (std::size_t at = 0; at < title.size();) {
    at = title.find_first_not_of(" \t", at);
    if (at == std::string_view::npos) break;
    const auto end = std::min(title.find_first_of(" \t", at), title.size());
    if (title.substr(at, end - at) == "PID") return column;
    ++column;
    at = end;
  }
  return fail(Code::invalid_argument, "couldn't find PID field in ps output");
}

std::string_view field(std::string_view line, std::size_t column) {
  for (std::size_t at = 0;; --column) {
    at = line.find_first_not_of(" \t", at);
    if (at == std::string_view::npos) return {};
    const auto end = std::min(line.find_first_of(" \t", at), line.size());
    if (column == 0) return line.substr(at, end - at);
    at = end;
  }
}

}  // namespace

Result<int> state_command(Session& session, const Args& args) {
  auto container = TRY(runtime::Container::open(session.root, args.positional[0]));
  const auto status = TRY(container.status());
  auto object = describe(container, status);
  struct stat st = {};
  const auto folder = session.root + "/" + args.positional[0];
  object["owner"] = ::stat(folder.c_str(), &st) == 0 && st.st_uid != 0 ? owner_name(st.st_uid) : "";
  TRY(print(schema::pretty(object)));
  return 0;
}

Result<int> list_command(Session& session, const Args& args) {
  const auto list = TRY(list_containers(session));
  if (args.flag("quiet")) {
    for (const auto& entry : list) TRY(print(text_of(entry.object.at("id")) + "\n"));
    return 0;
  }
  const auto format = args.text("format", "table");
  if (format == "table") {
    TRY(print(table(list)));
    return 0;
  }
  if (format != "json") return fail(Code::invalid_argument, "invalid format option");
  json::array array;
  for (const auto& entry : list) {
    auto object = entry.object;
    object["owner"] = entry.owner;
    array.push_back(std::move(object));
  }
  // runc prints null for no containers, and its callers know that.
  TRY(print((array.empty() ? std::string("null") : json::serialize(array)) + "\n"));
  return 0;
}

Result<int> ps_command(Session& session, const Args& args) {
  auto container = TRY(runtime::Container::open(session.root, args.positional[0]));
  const auto pids = TRY(container.processes());
  const auto format = args.text("format", "table");
  if (format == "json") {
    json::array array(pids.begin(), pids.end());
    TRY(print((array.empty() ? std::string("null") : json::serialize(array)) + "\n"));
    return 0;
  }
  if (format != "table") return fail(Code::invalid_argument, "invalid format option");
  Process::Spec spec{.argv = {"ps"}};
  spec.argv.insert(spec.argv.end(), args.positional.begin() + 1, args.positional.end());
  if (spec.argv.size() == 1) spec.argv.push_back("-ef");
  const auto output = TRY(run(spec, {}, StopSource::never(), Deadline::in(std::chrono::seconds(30))), "ps");
  if (!output.status.ok()) return fail(Code::failed_precondition, "ps: exit status {}: {}{}", output.status.code, output.out, output.err);
  std::string_view rest = output.out;
  std::optional<std::size_t> column;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const bool title = !column;
    if (title) column = TRY(pid_column(line));
    const auto pid = field(line, *column);
    const bool ours = std::any_of(pids.begin(), pids.end(), [&](pid_t p) { return std::to_string(p) == pid; });
    if (title || ours) TRY(print(std::string(line) + "\n"));
  }
  return 0;
}

}  // namespace fulcrum::oci_cli
