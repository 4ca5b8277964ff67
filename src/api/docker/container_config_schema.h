// How a container's Config travels.
#pragma once

#include "api/docker/container_config.h"
#include "api/oci/image_spec_schema.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Codec<api::docker::Words> {
  static void decode(Decoder& d, const json::value& v, api::docker::Words& out) {
    if (v.is_string()) {
      detail::decode_string(d, v, out.words.emplace_back());
    } else {
      Codec<std::vector<std::string>>::decode(d, v, out.words);
    }
  }
  static json::value encode(const api::docker::Words& v) { return Codec<std::vector<std::string>>::encode(v.words); }
  static json::object describe(Describer& d) { return Codec<std::vector<std::string>>::describe(d); }
};

template <>
struct Schema<api::docker::HealthConfig> {
  using T = api::docker::HealthConfig;
  static constexpr std::string_view name = "HealthConfig";
  static constexpr std::string_view doc = "How health is found out. Durations in nanoseconds.";
  static constexpr auto fields = std::tuple{
      optional("Test", &T::test, "[]: inherited; NONE, CMD and words, or CMD-SHELL and one command."),
      optional("Interval", &T::interval, "Between probes."),
      optional("Timeout", &T::timeout, "Of one probe."),
      optional("StartPeriod", &T::start_period, "Failures in this time do not count."),
      optional("StartInterval", &T::start_interval, "Between probes in the start period."),
      optional("Retries", &T::retries, "Failures in a row that make it unhealthy."),
  };
};

template <>
struct Schema<api::docker::ContainerConfig> {
  using T = api::docker::ContainerConfig;
  static constexpr std::string_view name = "ContainerConfig";
  static constexpr std::string_view doc = "What a container runs.";
  static constexpr auto fields = std::tuple{
      always("Hostname", &T::hostname, "Host name."),
      always("Domainname", &T::domainname, "Domain name."),
      always("User", &T::user, "user[:group]."),
      always("AttachStdin", &T::attach_stdin, "The client meant to attach."),
      always("AttachStdout", &T::attach_stdout, "The client meant to attach."),
      always("AttachStderr", &T::attach_stderr, "The client meant to attach."),
      optional("ExposedPorts", &T::exposed_ports, "Ports that it listens on."),
      always("Tty", &T::tty, "A terminal."),
      always("OpenStdin", &T::open_stdin, "Standard input stays open."),
      always("StdinOnce", &T::stdin_once, "Standard input is closed when the first client leaves."),
      always("Env", &T::env, "NAME=value; a NAME alone removes it."),
      always("Cmd", &T::cmd, "The command."),
      optional("Healthcheck", &T::healthcheck, "How health is found out."),
      optional("ArgsEscaped", &T::args_escaped, "Windows only."),
      always("Image", &T::image, "The image, as the client named it."),
      always("Volumes", &T::volumes, "Targets of anonymous volumes."),
      always("WorkingDir", &T::working_dir, "Working directory."),
      always("Entrypoint", &T::entrypoint, "What the command is given to."),
      optional("NetworkDisabled", &T::network_disabled, "No network."),
      optional("MacAddress", &T::mac_address, "Before 1.44; now of an endpoint."),
      always("OnBuild", &T::on_build, "Steps for images built upon it."),
      always("Labels", &T::labels, "Labels."),
      optional("StopSignal", &T::stop_signal, "Signal that asks it to stop."),
      optional("StopTimeout", &T::stop_timeout, "Seconds; then it is killed."),
      optional("Shell", &T::shell, "What commands in shell form are given to."),
  };
};

}  // namespace fulcrum::schema
