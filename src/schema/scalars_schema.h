// How the scalar types travel.
#pragma once

#include "schema/scalars.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Codec<Size> {
  static void decode(Decoder& d, const json::value& v, Size& out);
  static json::value encode(const Size& v);  ///< "128Mi" when exact, else the number of bytes as a string
  static json::object describe(Describer&);
};

template <>
struct Codec<Duration> {
  static void decode(Decoder& d, const json::value& v, Duration& out);
  static json::value encode(const Duration& v);
  static json::object describe(Describer&);
};

template <>
struct Codec<Time> {
  static void decode(Decoder& d, const json::value& v, Time& out);
  static json::value encode(const Time& v);
  static json::object describe(Describer&);
};

}  // namespace fulcrum::schema
