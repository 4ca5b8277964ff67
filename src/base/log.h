// Structured log lines for the edges that decide: request handlers, reconcilers, supervisors, main. Libraries return errors instead.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace fulcrum::log {

/// Who reads it: error = whoever is on call; warning = whoever operates; info = what the engine decided; debug = developers.
enum class Level { debug, info, warning, error };

using Field = std::pair<std::string_view, std::string_view>;

/// Lines below this level are dropped. Default: info.
void set_level(Level level);
/// One JSON object a line instead of text.
void set_json(bool on);
/// Writes one line to standard error in one write(2): `2024-05-01T10:00:00.000Z info created workload=web request=7`.
void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});

inline void debug(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::debug, m, f); }
inline void info(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::info, m, f); }
inline void warning(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::warning, m, f); }
inline void error(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::error, m, f); }

}  // namespace fulcrum::log
