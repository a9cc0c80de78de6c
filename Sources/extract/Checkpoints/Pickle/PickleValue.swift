import Compute

/// What a pickle describes, as inert data. Containers and objects are indices into a ``PickleHeap``, so that values
/// may be shared, nested a million deep or contain themselves without any recursion here.
enum PickleValue {
  case none
  case boolean(Bool)
  case integer(Int)
  case real(Double)
  case text(String)
  case list(Int)
  case tuple(Int)
  case dictionary(Int)
  case global(Int)
  case storage(Int)
  case tensor(Int)
  /// Something that is skipped: an object of an unknown class, the result of an unknown function, bytes, a set.
  case opaque(Int)
}

/// Everything that a pickle's values refer to.
struct PickleHeap {
  /// The elements of lists and tuples.
  var sequences: [[PickleValue]] = []
  /// The pairs of a dictionary in the order of their setting; a later pair of the same key counts.
  var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
  /// Classes and functions by name, such as `torch._utils._rebuild_tensor_v2`. None is ever looked up.
  var globals: [String] = []
  var storages: [TorchStorage] = []
  var tensors: [TorchTensor] = []
  /// What each opaque value is: the name of its class or function.
  var opaques: [String] = []

  /// The pairs that lists gave to dictionaries, at no cost in the file where many share a list.
  var copiedPairCount = 0

  var objectCount: Int {
    sequences.count + dictionaries.count + globals.count + storages.count + tensors.count + opaques.count
      + copiedPairCount
  }

  /// The value of a key that is text.
  func value(_ key: String, in dictionary: Int) -> PickleValue? {
    dictionaries[dictionary].last { if case .text(key) = $0.key { true } else { false } }?.value
  }

  /// The keys that are text, each once, in their first order, with their last values.
  func textEntries(of dictionary: Int) -> [(key: String, value: PickleValue)] {
    var entries: [(key: String, value: PickleValue)] = []
    var positions: [String: Int] = [:]
    for (key, value) in dictionaries[dictionary] {
      guard case .text(let name) = key else { continue }
      if let position = positions[name] {
        entries[position].value = value
      } else {
        positions[name] = entries.count
        entries.append((name, value))
      }
    }
    return entries
  }

  /// A value in words.
  func describe(_ value: PickleValue) -> String {
    switch value {
    case .none: "None"
    case .boolean: "a truth value"
    case .integer: "an integer"
    case .real: "a number"
    case .text: "text"
    case .list: "a list"
    case .tuple: "a tuple"
    case .dictionary: "a dictionary"
    case .global(let index): "the name \(globals[index])"
    case .storage: "a storage"
    case .tensor: "a tensor"
    case .opaque(let index): "a value made by \(opaques[index])"
    }
  }
}

/// A view of a storage, in elements.
struct TorchTensor {
  let storage: TorchStorage
  /// Nil for a type that has no counterpart here.
  let elementType: ElementType?
  let typeName: String
  let offset: Int
  let shape: [Int]
  let strides: [Int]
  let elementCount: Int
}
