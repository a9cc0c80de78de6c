#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Descriptor {
  /// Takes the file's exclusive lock (flock), which other processes and other openings of the file respect if they
  /// ask for it too; it ends with this descriptor.
  ///
  /// A file system without locks counts as unlocked: work goes on there without this protection.
  /// - Returns: false where someone else holds the lock.
  package func tryLock() throws(InputError) -> Bool {
    while flock(number, LOCK_EX | LOCK_NB) == -1 {
      switch errno {
      case EINTR: continue
      case EWOULDBLOCK: return false
      case let number where Self.meansNoLocks(number): return true
      default: throw InputError(path, "cannot lock: \(systemErrorText())")
      }
    }
    return true
  }

  /// Whether an error of flock says that the file system has no locks: NFS and Lustre may be mounted so, and FUSE's
  /// file systems choose their own number for it.
  package static func meansNoLocks(_ number: Int32) -> Bool {
    [ENOLCK, ENOSYS, EOPNOTSUPP, ENOTSUP, EINVAL, EBADF].contains(number)
  }

  /// Whether the path still names this file, and not another one that has taken its name since it was opened.
  package func isStillNamed() throws(InputError) -> Bool {
    var mine = stat()
    var named = stat()
    try checked(path, "read the status of") { fstat(number, &mine) }
    return stat(path, &named) == 0 && named.st_ino == mine.st_ino && named.st_dev == mine.st_dev
  }
}
