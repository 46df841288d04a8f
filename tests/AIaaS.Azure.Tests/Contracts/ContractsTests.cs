using System.Reflection;
using System.Runtime.InteropServices;

namespace AIaaS.Azure.Tests.Contracts;

/// <summary>Function classes compile against our contracts; so whatever is public in them must be in the genuine assemblies too.</summary>
public sealed class ContractsTests : IDisposable
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
    private const BindingFlags Inherited = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.FlattenHierarchy;
    private const string ContractsName = "AIaaS.LocalHost.Contracts.dll";
    private static readonly string[] GenuinePrefixes = ["Microsoft.Azure.Functions.Worker", "Microsoft.DurableTask", "Grpc.Core"];

    private readonly MetadataLoadContext _context;
    private readonly Assembly _contracts;
    private readonly Dictionary<string, Type> _genuine;

    public ContractsTests()
    {
        var own = Directory.GetFiles(AppContext.BaseDirectory, "*.dll");
        var contracts = Path.Combine(AppContext.BaseDirectory, "contracts", ContractsName);
        string[] frameworks = [RuntimeEnvironment.GetRuntimeDirectory(), Path.GetDirectoryName(typeof(Microsoft.AspNetCore.Http.IResult).Assembly.Location)!];
        var paths = own
            .Concat(frameworks.SelectMany(folder => Directory.GetFiles(folder, "*.dll")))
            .DistinctBy(Path.GetFileName)
            .Append(contracts);
        _context = new MetadataLoadContext(new PathAssemblyResolver(paths));
        _contracts = _context.LoadFromAssemblyPath(contracts);
        _genuine = own
            .Where(path => GenuinePrefixes.Any(prefix => Path.GetFileName(path).StartsWith(prefix, StringComparison.Ordinal)))
            .SelectMany(path => _context.LoadFromAssemblyPath(path).GetExportedTypes())
            .DistinctBy(type => type.FullName)
            .ToDictionary(type => type.FullName!);
    }

    public void Dispose() => _context.Dispose();

    [Fact]
    public void Every_type_of_the_contracts_is_in_the_genuine_assemblies()
        => Assert.Empty(_contracts.GetExportedTypes().Select(type => type.FullName!).Except(_genuine.Keys));

    [Fact]
    public void Every_member_of_the_contracts_is_in_the_genuine_assemblies_with_the_same_signature()
    {
        var missing = _contracts.GetExportedTypes()
            .Where(type => _genuine.ContainsKey(type.FullName!))
            .SelectMany(type => MembersOf(type, Declared).Except(MembersOf(_genuine[type.FullName!], Inherited), StringComparer.Ordinal)
                .Select(member => $"{type.FullName}: {member}"));

        Assert.Empty(missing);
    }

    [Fact]
    public void Every_enumeration_of_the_contracts_has_the_genuine_values()
    {
        foreach (var type in _contracts.GetExportedTypes().Where(type => type.IsEnum))
        {
            var genuine = _genuine[type.FullName!];
            foreach (var value in type.GetFields(BindingFlags.Public | BindingFlags.Static))
            {
                Assert.Equal(value.GetRawConstantValue(), genuine.GetField(value.Name)?.GetRawConstantValue());
            }
        }
    }

    [Fact]
    public void There_are_contracts_to_compare() => Assert.InRange(_contracts.GetExportedTypes().Length, 40, int.MaxValue);

    /// <summary>What other assemblies can call or override, each as one line.</summary>
    private static IEnumerable<string> MembersOf(Type type, BindingFlags flags)
    {
        foreach (var member in type.GetMembers(flags).Where(member => !member.Name.Contains('<', StringComparison.Ordinal)))
        {
            switch (member)
            {
                case MethodBase method when IsVisible(method) && !IsOwnObjectMember(method):
                    yield return Describe(method);
                    break;
                case FieldInfo field when field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly:
                    yield return $"{(field.IsStatic ? "static " : "")}{NameOf(field.FieldType)} {field.Name}";
                    break;
            }
        }
    }

    // Accessors of properties and events are methods, so these need nothing of their own.
    private static string Describe(MethodBase method)
    {
        var generic = method.IsGenericMethod ? $"`{method.GetGenericArguments().Length}" : "";
        var parameters = string.Join(", ", method.GetParameters().Select(parameter =>
            $"{NameOf(parameter.ParameterType)} {parameter.Name}{(parameter.IsOptional ? " = ?" : "")}"));
        var result = method is MethodInfo { ReturnType: var type } ? NameOf(type) + " " : "";
        return $"{(method.IsStatic ? "static " : "")}{result}{method.Name}{generic}({parameters})";
    }

    private static bool IsVisible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    // Whether a class overrides what every object has is its own affair.
    private static bool IsOwnObjectMember(MethodBase method)
        => method.Name is nameof(ToString) or nameof(Equals) or nameof(GetHashCode) or "Finalize";

    private static string NameOf(Type type)
        => type.IsGenericParameter ? $"!{type.GenericParameterPosition}"
            : type.IsArray ? NameOf(type.GetElementType()!) + "[]"
            : type.IsByRef ? NameOf(type.GetElementType()!) + "&"
            : type.IsConstructedGenericType ? $"{type.GetGenericTypeDefinition().FullName}<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>"
            : type.FullName ?? type.Name;
}
