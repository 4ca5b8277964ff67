// How progress lines travel.
#pragma once

#include "api/docker/progress.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Schema<api::docker::ProgressDetail> {
  using T = api::docker::ProgressDetail;
  static constexpr std::string_view name = "ProgressDetail";
  static constexpr std::string_view doc = "How far something is.";
  static constexpr auto fields = std::tuple{
      optional("current", &T::current, "Bytes done."),
      optional("total", &T::total, "Bytes in all."),
  };
};

template <>
struct Schema<api::docker::ErrorDetail> {
  using T = api::docker::ErrorDetail;
  static constexpr std::string_view name = "ErrorDetail";
  static constexpr std::string_view doc = "Why it failed.";
  static constexpr auto fields = std::tuple{
      optional("code", &T::code, "Exit code of a build's command."),
      always("message", &T::message, "The error."),
  };
};

template <>
struct Schema<api::docker::ProgressResult> {
  using T = api::docker::ProgressResult;
  static constexpr std::string_view name = "ProgressResult";
  static constexpr std::string_view doc = "What was made.";
  static constexpr auto fields = std::tuple{
      optional("ID", &T::id, "ID of the image."),
      optional("Tag", &T::tag, "Tag that was pushed."),
      optional("Digest", &T::digest, "Digest of its manifest."),
      optional("Size", &T::size, "Bytes of its manifest."),
  };
};

template <>
struct Schema<api::docker::ProgressMessage> {
  using T = api::docker::ProgressMessage;
  static constexpr std::string_view name = "ProgressMessage";
  static constexpr std::string_view doc = "One line of progress.";
  static constexpr auto fields = std::tuple{
      optional("stream", &T::stream, "Text for people."),
      optional("status", &T::status, "What is done."),
      optional("progressDetail", &T::progress_detail, "How far it is."),
      optional("progress", &T::progress, "The same as a bar."),
      optional("id", &T::id, "What it is done to."),
      optional("errorDetail", &T::error_detail, "Why it failed."),
      optional("error", &T::error, "The same as a text."),
      optional("aux", &T::aux, "What was made."),
  };
};

}  // namespace fulcrum::schema
