/// This program's own file, for starting copies of itself.
enum Executable {
  #if os(Linux)
  /// The link leads to the file that runs even if it was replaced on disk since.
  static let path = "/proc/self/exe"
  #else
  static let path = CommandLine.arguments[0]
  #endif
}
