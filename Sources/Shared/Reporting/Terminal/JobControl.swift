import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Whose turn it is at the terminal: Ctrl-Z, `fg` and `bg` give it to other programs, which write where they like.
enum JobControl {
  private static let continuations = Atomic(0)

  /// Starts to listen, so that a turn is told from the one before.
  static func listen() {
    // The handler may not be the first to touch the count: making a global is not safe inside a signal.
    continuations.store(0, ordering: .relaxed)
    signal(SIGCONT) { _ in JobControl.continuations.add(1, ordering: .relaxed) }
  }

  /// A number for each time that this process has had the terminal to itself; nil in the background.
  @Sendable static func turn() -> Int? {
    let group = tcgetpgrp(STDERR_FILENO)
    // A terminal that is not this session's does not know jobs.
    return group == -1 || group == getpgrp() ? continuations.load(ordering: .relaxed) : nil
  }
}
