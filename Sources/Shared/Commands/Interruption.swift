import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The user asked to stop, and the work was left in a state that can be resumed.
public struct InterruptedError: Error, CustomStringConvertible, Sendable {
  /// What is kept and how to go on.
  public let description: String

  public init(_ description: String) { self.description = description }
}

/// Ctrl-C and SIGTERM as a flag that long loops look at, so that they stop between two pieces of work.
///
/// A second Ctrl-C ends the process at once; every file that PatchBank writes survives that, too.
public enum Interruption {
  private static let flag = Atomic(false)

  /// Whether the user has asked to stop.
  public static var isRequested: Bool { flag.load(ordering: .relaxed) }

  /// Starts to listen. Call once, before the work.
  public static func listen() {
    // The handler may not be the first to touch the flag: making a global is not safe inside a signal.
    flag.store(false, ordering: .relaxed)
    // A parent that starts programs from a thread of Dispatch hands down that thread's mask, which blocks signals.
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM] { sigaddset(&signals, number) }
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    for number in [SIGINT, SIGTERM] {
      let earlier = signal(number) { number in
        Interruption.flag.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
      }
      // A shell without job control starts programs in the background so that Ctrl-C is not theirs.
      if unsafeBitCast(earlier, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) {
        signal(number, SIG_IGN)
      }
    }
  }

  /// Listens during work that throws `CancellationError` where ``isRequested`` says so.
  ///
  /// - Parameter product: what the work writes at its end and has not written when it throws.
  public static func during(writing product: String = "file", _ work: () throws -> Void) throws {
    listen()
    do {
      try work()
    } catch is CancellationError {
      throw InterruptedError("stopped; no \(product) was written: run the same command again")
    }
  }
}
