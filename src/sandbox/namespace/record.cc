#include "sandbox/namespace/record.h"

#include "runtime/overlay_root.h"
#include "sandbox/stream/frame.h"
#include "schema/schema.h"

namespace fulcrum::sandbox {

/// exit.json on disk.
struct ExitFile {
  std::int64_t run = 0;
  int code = 0;
  int signal = 0;
  bool oom_killed = false;
  std::string started;
  std::string finished;
  std::string error;
};
/// exec-<id>.json on disk.
struct ExecFile {
  std::string id;
  std::int64_t pid = 0;
  int exit_code = 0;
};
/// The annotation, for writing.
struct RootAnnotation {
  std::vector<std::string> lower;
  std::string upper;
  std::string work;
};

}  // namespace fulcrum::sandbox

namespace fulcrum::schema {

template <>
struct Schema<sandbox::Record> {
  using T = sandbox::Record;
  static constexpr std::string_view name = "Record";
  static constexpr std::string_view doc = "A workload's current run.";
  static constexpr auto fields = std::tuple{
      required("run", &T::run, "Which run."),
      optional("layers", &T::layers, "Image layers, topmost first."),
      optional("cgroup", &T::cgroup, "Its cgroup."),
      optional("subid", &T::subid, "First host id of its user namespace."),
      optional("subidSize", &T::subid_size, "How many."),
      optional("tty", &T::tty, "It has a terminal."),
      optional("ownNetwork", &T::own_network, "It has a network namespace of its own."),
      optional("privileged", &T::privileged, "It is privileged."),
  };
};

template <>
struct Schema<sandbox::ExitFile> {
  using T = sandbox::ExitFile;
  static constexpr std::string_view name = "Exit";
  static constexpr std::string_view doc = "How a run ended.";
  static constexpr auto fields = std::tuple{
      required("run", &T::run, "Which run."),
      required("code", &T::code, "Exit code."),
      optional("signal", &T::signal, "Signal."),
      optional("oomKilled", &T::oom_killed, "Out of memory."),
      optional("started", &T::started, "When."),
      required("finished", &T::finished, "When."),
      optional("error", &T::error, "Why it could not be started."),
  };
};

template <>
struct Schema<sandbox::ExecFile> {
  using T = sandbox::ExecFile;
  static constexpr std::string_view name = "Exec";
  static constexpr std::string_view doc = "How an exec ended.";
  static constexpr auto fields = std::tuple{
      required("id", &T::id, "Its id."),
      required("pid", &T::pid, "Its process."),
      required("exitCode", &T::exit_code, "Exit code."),
  };
};

template <>
struct Schema<sandbox::RootAnnotation> {
  using T = sandbox::RootAnnotation;
  static constexpr std::string_view name = "RootAnnotation";
  static constexpr std::string_view doc = "Layers of the root.";
  static constexpr auto fields = std::tuple{
      required("lower", &T::lower, "Read-only layers."),
      optional("upper", &T::upper, "Changes."),
      optional("work", &T::work, "Overlay work folder."),
  };
};

}  // namespace fulcrum::schema

namespace fulcrum::sandbox {
namespace {

template <class T>
std::string text_of(const T& value) {
  return boost::json::serialize(schema::encode(value));
}

}  // namespace

std::string to_json(const Record& record) { return text_of(record); }

Result<Record> parse_record(std::string_view json) { return schema::decode_text<Record>(json); }

Result<Exit> parse_exit(std::string_view json, std::optional<Time>* started) {
  const auto file = TRY(schema::decode_text<ExitFile>(json));
  if (started != nullptr && !file.started.empty()) *started = TRY(parse_time(file.started));
  return Exit{.run = file.run,
              .code = file.code,
              .signal = file.signal,
              .oom_killed = file.oom_killed,
              .finished = TRY(parse_time(file.finished)),
              .error = file.error};
}

std::string to_json(const Exit& exit) {
  return text_of(ExitFile{.run = exit.run,
                          .code = exit.code,
                          .signal = exit.signal,
                          .oom_killed = exit.oom_killed,
                          .finished = format_time(exit.finished),
                          .error = exit.error});
}

Result<ExecState> parse_exec(std::string_view json) {
  const auto file = TRY(schema::decode_text<ExecFile>(json));
  return ExecState{.id = file.id, .pid = file.pid, .running = false, .exit_code = file.exit_code};
}

std::string rootfs_annotation(const std::vector<std::string>& layers, const std::string& upper, const std::string& work) {
  return text_of(RootAnnotation{layers, upper, work});
}

}  // namespace fulcrum::sandbox
