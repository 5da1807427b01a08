internal import LatchkeyProcesses

/// A wall clock of one process alone; the clocks that nobody sets stay as they are.
///
/// A small library, compiled on the spot, stands before the C library's in that process. libfaketime would do, but 0.9.10 also
/// moves timers of clocks that nobody sets (`timerfd_settime`), so that a Swift program under it sleeps for as long as the
/// clock was set back.
struct FakeClock: Sendable {
  private let library: String
  private let file: String
  private let offset: MappedWords

  /// - Throws: ``CommandFailure`` if there is no C compiler, or it fails.
  init(in folder: TemporaryFolder) async throws {
    guard let compiler = Self.compiler else { throw CommandFailure(.failed, Self.advice) }
    let source = folder.file("clock.c")
    try ReportFile.write(Self.source, to: source)
    self.library = folder.file("clock.so")
    self.file = folder.file("clock")
    self.offset = try MappedWords(path: self.file, count: 1)
    let built = await (try ChildProcess.spawn([compiler, "-shared", "-fPIC", "-O1", "-o", self.library, source])).wait()
    guard built == .exited(0) else { throw CommandFailure(.failed, "\(compiler) cannot compile the clock: \(built)") }
  }

  /// Whether a clock can be set here.
  static var isAvailable: Bool { self.compiler != nil }

  static let advice = "there is no C compiler to make the clock with; install clang or gcc"

  /// What a process needs to run with this clock.
  var environment: [String: String?] { ["LD_PRELOAD": self.library, "LATCHKEY_CLOCK": self.file] }

  /// Sets the clock so many seconds off.
  func set(offset: Int) {
    self.offset[0] = UInt64(bitPattern: Int64(offset))
  }

  #if canImport(Glibc)
  private static let compiler = ["cc", "clang", "gcc"].lazy.compactMap { Program.path($0, others: ["/usr/bin"]) }.first
  #else
  /// The system keeps libraries from standing before its own.
  private static let compiler: String? = nil
  #endif

  private static let source = """
    #define _GNU_SOURCE
    #include <fcntl.h>
    #include <stdlib.h>
    #include <sys/mman.h>
    #include <sys/syscall.h>
    #include <sys/time.h>
    #include <time.h>
    #include <unistd.h>

    static volatile long long *offset;

    __attribute__((constructor)) static void find_offset(void) {
      const char *path = getenv("LATCHKEY_CLOCK");
      int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
      if (file < 0) return;
      void *page = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
      if (page != MAP_FAILED) offset = page;
      close(file);
    }

    int clock_gettime(clockid_t clock, struct timespec *now) {
      int failed = (int)syscall(SYS_clock_gettime, clock, now);
      if (!failed && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset;
      return failed;
    }

    int gettimeofday(struct timeval *now, void *zone) {
      int failed = (int)syscall(SYS_gettimeofday, now, zone);
      if (!failed && offset && now) now->tv_sec += *offset;
      return failed;
    }

    time_t time(time_t *now) {
      struct timespec wall;
      clock_gettime(CLOCK_REALTIME, &wall);
      if (now) *now = wall.tv_sec;
      return wall.tv_sec;
    }

    """
}
