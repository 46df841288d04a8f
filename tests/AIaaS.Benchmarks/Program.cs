using AIaaS.Benchmarks;
using AIaaS.Learning.Runtime;

var benchmarks = typeof(IBenchmark).Assembly.GetTypes()
    .Where(type => type.IsAssignableTo(typeof(IBenchmark)) && type is { IsClass: true, IsAbstract: false })
    .Select(type => (IBenchmark)Activator.CreateInstance(type)!)
    .OrderBy(benchmark => benchmark.Name, StringComparer.Ordinal)
    .ToList();

// A device is for the sides of a benchmark too, which are processes of their own.
if (args is [_, "--device", var device])
{
    Environment.SetEnvironmentVariable(ComputeDevices.Variable, device);
    args = args[..1];
}

if (args is not [var name] || benchmarks.Find(candidate => candidate.Name == name) is not { } chosen)
{
    Console.WriteLine("Name one of the benchmarks:");
    foreach (var benchmark in benchmarks)
    {
        Console.WriteLine($"  {benchmark.Name,-16} {benchmark.Description}");
    }

    return args.Length == 0 ? 0 : 2;
}

try
{
    var outcome = await chosen.RunAsync(CancellationToken.None);
    Console.WriteLine($"{chosen.Name}: {outcome.Figure} (aim {outcome.Aim}): {(outcome.Met ? "met" : "missed")}");
    return outcome.Met ? 0 : 1;
}
catch (PeerMissingException missing)
{
    Console.WriteLine(missing.Message);
    return 2;
}
