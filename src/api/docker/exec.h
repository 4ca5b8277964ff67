// What clients say and hear of execs.
// Source: the Engine API's description, version 1.47 (github.com/moby/moby, api/swagger.yaml): ExecConfig, ExecStartConfig,
// ExecInspectResponse, IDResponse.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schema/schema.h"

namespace fulcrum::api::docker {

struct ExecConfig {
  bool attach_stdin = false;
  bool attach_stdout = false;
  bool attach_stderr = false;
  std::optional<std::vector<std::uint16_t>> console_size;  ///< height, width
  bool detach = false;                                     ///< clients repeat it in ExecStartConfig, which counts
  std::string detach_keys;
  bool tty = false;
  std::vector<std::string> env;
  std::vector<std::string> cmd;
  bool privileged = false;
  std::string user;
  std::string working_dir;
  std::string container;  ///< old clients repeat the path's {id}, which counts
  friend bool operator==(const ExecConfig&, const ExecConfig&) = default;
};

struct ExecStartConfig {
  bool detach = false;
  bool tty = false;
  std::optional<std::vector<std::uint16_t>> console_size;
  friend bool operator==(const ExecStartConfig&, const ExecStartConfig&) = default;
};

struct ExecCreated {
  std::string id;
  friend bool operator==(const ExecCreated&, const ExecCreated&) = default;
};

struct ExecProcessConfig {
  bool tty = false;
  std::string entrypoint;
  std::vector<std::string> arguments;
  bool privileged = false;
  std::string user;
  friend bool operator==(const ExecProcessConfig&, const ExecProcessConfig&) = default;
};

struct ExecInspect {
  std::string id;
  bool running = false;
  std::optional<std::int32_t> exit_code;
  ExecProcessConfig process_config;
  bool open_stdin = false;
  bool open_stderr = false;
  bool open_stdout = false;
  bool can_remove = false;
  std::string container_id;
  std::string detach_keys;  ///< base64 of the keys' bytes
  std::int64_t pid = 0;
  friend bool operator==(const ExecInspect&, const ExecInspect&) = default;
};

}  // namespace fulcrum::api::docker

namespace fulcrum::schema {

template <>
struct Schema<api::docker::ExecConfig> {
  using T = api::docker::ExecConfig;
  static constexpr std::string_view name = "ExecConfig";
  static constexpr std::string_view doc = "A command to run inside a running container.";
  static constexpr auto fields = std::tuple{optional("AttachStdin", &T::attach_stdin, "Attach to its standard input."),
                                            optional("AttachStdout", &T::attach_stdout, "Attach to its standard output."),
                                            optional("AttachStderr", &T::attach_stderr, "Attach to its standard error."),
                                            optional("ConsoleSize", &T::console_size, "Height and width of its terminal."),
                                            optional("Detach", &T::detach, "Left to the start."),
                                            optional("DetachKeys", &T::detach_keys, "Keys that leave it."),
                                            optional("Tty", &T::tty, "A terminal."),
                                            optional("Env", &T::env, "Its environment beside the container's, NAME=value."),
                                            optional("Cmd", &T::cmd, "Command and arguments."),
                                            optional("Privileged", &T::privileged, "With all capabilities."),
                                            optional("User", &T::user, "User, UID, user:group or UID:GID."),
                                            optional("WorkingDir", &T::working_dir, "Its folder."),
                                            optional("Container", &T::container, "Of old clients: the container again.")};
};

template <>
struct Schema<api::docker::ExecStartConfig> {
  using T = api::docker::ExecStartConfig;
  static constexpr std::string_view name = "ExecStartConfig";
  static constexpr std::string_view doc = "How a command is started.";
  static constexpr auto fields =
      std::tuple{optional("Detach", &T::detach, "Do not attach."), optional("Tty", &T::tty, "Its output is that of a terminal."),
                 optional("ConsoleSize", &T::console_size, "Height and width of its terminal.")};
};

template <>
struct Schema<api::docker::ExecCreated> {
  using T = api::docker::ExecCreated;
  static constexpr std::string_view name = "IDResponse";
  static constexpr std::string_view doc = "What was created.";
  static constexpr auto fields = std::tuple{always("Id", &T::id, "Its ID.")};
};

template <>
struct Schema<api::docker::ExecProcessConfig> {
  using T = api::docker::ExecProcessConfig;
  static constexpr std::string_view name = "ProcessConfig";
  static constexpr std::string_view doc = "The process of an exec.";
  static constexpr auto fields =
      std::tuple{always("tty", &T::tty, "A terminal."), always("entrypoint", &T::entrypoint, "The program."),
                 always("arguments", &T::arguments, "Its arguments."), always("privileged", &T::privileged, "With all capabilities."),
                 optional("user", &T::user, "As whom.")};
};

template <>
struct Schema<api::docker::ExecInspect> {
  using T = api::docker::ExecInspect;
  static constexpr std::string_view name = "ExecInspectResponse";
  static constexpr std::string_view doc = "An exec.";
  static constexpr auto fields = std::tuple{
      always("ID", &T::id, "Its ID."),
      always("Running", &T::running, "It runs."),
      always("ExitCode", &T::exit_code, "How it ended; null before."),
      always("ProcessConfig", &T::process_config, "Its process."),
      always("OpenStdin", &T::open_stdin, "Standard input is attached."),
      always("OpenStderr", &T::open_stderr, "Standard error is attached."),
      always("OpenStdout", &T::open_stdout, "Standard output is attached."),
      always("CanRemove", &T::can_remove, "It is forgotten soon."),
      always("ContainerID", &T::container_id, "Its container."),
      always("DetachKeys", &T::detach_keys, "Keys that leave it, base64."),
      always("Pid", &T::pid, "Process ID on the host."),
  };
};

}  // namespace fulcrum::schema
