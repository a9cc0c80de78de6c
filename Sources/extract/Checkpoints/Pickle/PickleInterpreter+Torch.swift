import Compute

/// The functions and classes that `torch.save` names, imitated; every other is opaque.
extension PickleInterpreter {
  /// What calling a function or making an object would give, as far as that is data.
  mutating func call(_ callable: PickleValue, _ arguments: [PickleValue]) -> PickleValue {
    guard case .global(let index) = callable else { return opaque(opaqueName(callable)) }
    return call(heap.globals[index], arguments)
  }

  private mutating func call(_ name: String, _ arguments: [PickleValue]) -> PickleValue {
    let result: PickleValue? =
      switch name {
      case "collections.OrderedDict", "builtins.dict", "__builtin__.dict": dictionary(of: arguments)
      // Its first argument makes values for absent keys, and no key is absent in a file.
      case "collections.defaultdict":
        arguments.count <= 2 ? dictionary(of: Array(arguments.dropFirst())) : nil
      case "torch.Size": size(of: arguments)
      case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2":
        tensor(of: arguments, elementType: nil)
      case "torch._utils._rebuild_tensor_v3": tensorOfType(arguments)
      case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
        parameter(of: arguments)
      case "torch._tensor._rebuild_from_type_v2": tensorWithAttributes(arguments)
      default: opaque(name)
      }
    return result ?? opaque(arguments.prefix(Self.mostAxes).lazy.compactMap(hiddenName).first ?? name)
  }

  /// No published model has tensors of more axes than a handful.
  private static let mostAxes = 8

  /// The name behind an argument that is opaque or has an opaque element: why a known function cannot be imitated.
  private func hiddenName(_ value: PickleValue) -> String? {
    switch value {
    case .opaque(let index): heap.opaques[index]
    case .tuple(let index):
      heap.sequences[index].prefix(Self.mostAxes).lazy.compactMap { element in
        if case .opaque(let inner) = element { heap.opaques[inner] } else { nil }
      }.first
    default: nil
    }
  }

  private func opaqueName(_ value: PickleValue) -> String {
    if case .opaque(let index) = value { heap.opaques[index] } else { heap.describe(value) }
  }

  // MARK: - Containers

  /// `OrderedDict()`, or `OrderedDict([[key, value], ...])` as Python 2 wrote it.
  private mutating func dictionary(of arguments: [PickleValue]) -> PickleValue? {
    var pairs: [(key: PickleValue, value: PickleValue)] = []
    if let first = arguments.first {
      guard arguments.count == 1, case .list(let list) = first else { return nil }
      // A list may be shared by any number of dictionaries, each of which copies it, until there are too many objects.
      heap.copiedPairCount += heap.sequences[list].count
      guard heap.objectCount <= Self.mostObjects else { return nil }
      for element in heap.sequences[list] {
        guard let pair = sequence(element), pair.count == 2 else { return nil }
        pairs.append((pair[0], pair[1]))
      }
    }
    let index = makeDictionary()
    heap.dictionaries[index] = pairs
    return .dictionary(index)
  }

  private func sequence(_ value: PickleValue) -> [PickleValue]? {
    switch value {
    case .list(let index), .tuple(let index): heap.sequences[index]
    default: nil
    }
  }

  /// `torch.Size((2, 3))` is a tuple.
  private func size(of arguments: [PickleValue]) -> PickleValue? {
    guard arguments.count == 1, case .tuple = arguments[0] else { return nil }
    return arguments[0]
  }

  // MARK: - Storages

  /// `('storage', class, key, location, number of elements)`; the location, such as `cuda:0`, is where the tensor was.
  /// Before PyTorch 1.6 a sixth field follows, `(key, offset, number of elements)` of a part of the storage or None, and
  /// `('module', class, path, source)` says of what a saved class was made.
  mutating func storage(_ identifier: PickleValue) -> PickleValue {
    guard let fields = sequence(identifier), let first = fields.first, case .text(let kind) = first else {
      return opaque("an unknown persistent identifier")
    }
    if kind == "module", fields.count == 4 { return fields[1] }
    guard kind == "storage", fields.count >= 5, case .global(let type) = fields[1],
      case .text(let key) = fields[2], case .text = fields[3], case .integer(let count) = fields[4],
      count >= 0, let part = part(fields.count > 5 ? fields[5] : .none, count)
    else { return opaque("an unknown persistent identifier") }
    heap.storages.append(
      TorchStorage(typeName: heap.globals[type], key: key, elementCount: count, part: part))
    return .storage(heap.storages.count - 1)
  }

  /// The elements of a storage that its user sees.
  private func part(_ view: PickleValue, _ elementCount: Int) -> Range<Int>? {
    switch view {
    case .none: return 0..<elementCount
    case .tuple(let index):
      let fields = heap.sequences[index]
      guard fields.count == 3, case .integer(let offset) = fields[1], case .integer(let count) = fields[2],
        0...elementCount ~= offset, 0...(elementCount - offset) ~= count
      else { return nil }
      return offset..<offset + count
    default: return nil
    }
  }

  private static let tensorTypes: [String: ElementType] = [
    "torch.float64": .float64, "torch.float32": .float32, "torch.float16": .float16,
    "torch.bfloat16": .bfloat16, "torch.int64": .int64, "torch.int32": .int32, "torch.int16": .int16,
    "torch.int8": .int8, "torch.uint8": .uint8, "torch.bool": .bool,
  ]

  // MARK: - Tensors

  /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, ...)`.
  ///
  /// - Parameter elementType: the name of the type where the storage is one of bytes.
  private mutating func tensor(of arguments: [PickleValue], elementType typeName: String?) -> PickleValue? {
    guard arguments.count >= 4, case .storage(let index) = arguments[0],
      case .integer(let offset) = arguments[1],
      let shape = integers(arguments[2]), let strides = integers(arguments[3]),
      shape.count == strides.count, offset >= 0
    else { return nil }
    var elementCount = 1
    for length in shape where length != 0 {
      let (product, overflows) = elementCount.multipliedReportingOverflow(by: length)
      guard !overflows else { return nil }
      elementCount = product
    }
    let storage = heap.storages[index]
    heap.tensors.append(
      TorchTensor(
        storage: storage,
        elementType: typeName.map { Self.tensorTypes[$0] } ?? storage.type?.elementType,
        typeName: typeName ?? storage.typeName, offset: offset, shape: shape, strides: strides,
        elementCount: shape.contains(0) ? 0 : elementCount))
    return .tensor(heap.tensors.count - 1)
  }

  /// A tuple of lengths or strides, none negative.
  private func integers(_ value: PickleValue) -> [Int]? {
    guard case .tuple(let index) = value, heap.sequences[index].count <= Self.mostAxes else { return nil }
    var integers: [Int] = []
    for element in heap.sequences[index] {
      guard case .integer(let integer) = element, integer >= 0 else { return nil }
      integers.append(integer)
    }
    return integers
  }

  /// `_rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype, ...)`.
  private mutating func tensorOfType(_ arguments: [PickleValue]) -> PickleValue? {
    guard arguments.count >= 7, case .global(let type) = arguments[6] else { return nil }
    return tensor(of: arguments, elementType: heap.globals[type])
  }

  /// `_rebuild_parameter(tensor, requires_grad, hooks, ...)`.
  private func parameter(of arguments: [PickleValue]) -> PickleValue? {
    guard let first = arguments.first, case .tensor = first else { return nil }
    return first
  }

  /// `_rebuild_from_type_v2(function, class, arguments, attributes)`: a tensor that somebody hung attributes on.
  private mutating func tensorWithAttributes(_ arguments: [PickleValue]) -> PickleValue? {
    guard arguments.count == 4, case .global(let function) = arguments[0],
      case .global(let type) = arguments[1],
      ["torch.Tensor", "torch.nn.parameter.Parameter"].contains(heap.globals[type]),
      // Nothing that saves a tensor nests this function in itself.
      heap.globals[function] != "torch._tensor._rebuild_from_type_v2",
      case .tuple(let inner) = arguments[2]
    else { return nil }
    return call(heap.globals[function], heap.sequences[inner])
  }
}
