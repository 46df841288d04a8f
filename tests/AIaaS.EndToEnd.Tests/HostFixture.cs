using System.Net;
using System.Text.Json.Nodes;

namespace AIaaS.EndToEnd.Tests;

/// <summary>The host under test: the one at <c>AIAAS_BASE_URL</c>, else a local one started for these tests.</summary>
public sealed class HostFixture : IAsyncLifetime
{
    private readonly TemporaryFolder _home = new();
    private readonly Lazy<Task<string>> _penguins;
    private LocalHostProcess? _process;
    private JsonObject _contract = [];
    private string _key = "";

    public HostFixture() => _penguins = new Lazy<Task<string>>(TrainPenguinsAsync);

    internal ApiClient Admin { get; private set; } = null!;

    public Uri Url { get; private set; } = null!;

    /// <summary>A name that no earlier run of these tests used on this host.</summary>
    public static string NewName(string prefix) => $"{prefix}-{Guid.NewGuid().ToString("N")[..12]}";

    internal static string Penguins { get; } = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "samples", "penguins.csv"));

    public async Task InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("AIAAS_BASE_URL") is { Length: > 0 } url)
        {
            Url = new Uri(url);
            _key = Environment.GetEnvironmentVariable("AIAAS_KEY") ?? throw new InvalidOperationException("AIAAS_BASE_URL needs AIAAS_KEY, an admin key of that host.");
        }
        else
        {
            _process = await LocalHostProcess.StartAsync(_home.Path);
            Url = _process.Url;
            _key = _process.AdminKey;
        }

        using var plain = new ApiClient(Url, _key);
        _contract = JsonNode.Parse((await plain.GetAsync("/openapi.json")).GetRawText())!.AsObject();
        Admin = WithKey(_key);
    }

    public async Task DisposeAsync()
    {
        Admin?.Dispose();
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        _home.Dispose();
    }

    /// <summary>Every client holds what the host answers against the host's own description.</summary>
    internal ApiClient Anonymous() => new(Url, key: null, new ContractHandler(_contract, new HttpClientHandler()));

    /// <inheritdoc cref="Anonymous"/>
    internal ApiClient WithKey(string key) => new(Url, key, new ContractHandler(_contract, new HttpClientHandler()));

    /// <summary>An admin's client that holds answers against another description.</summary>
    internal ApiClient WithContract(JsonObject document) => new(Url, _key, new ContractHandler(document, new HttpClientHandler()));

    /// <summary>An endpoint that tells penguins apart, trained once for all tests that only ask it.</summary>
    internal Task<string> PenguinsEndpointAsync() => _penguins.Value;

    /// <summary>A client with a new key of this role, in this tenant.</summary>
    internal async Task<ApiClient> NewClientAsync(string role, string? tenant = null)
    {
        var made = await Admin.PostAsync("/api/v1/keys", new Dictionary<string, string?> { ["role"] = role, ["tenant"] = tenant ?? "default" }, HttpStatusCode.Created);
        return WithKey(made.GetProperty("key").GetString()!);
    }

    private async Task<string> TrainPenguinsAsync()
    {
        var name = NewName("penguins");
        var run = await Admin.AwaitRunAsync(await Admin.PutDatasetAsync(name, Penguins));
        Assert.Equal("succeeded", run.GetProperty("status").GetString());
        return name;
    }
}

/// <summary>All tests share one host, as its users do.</summary>
[CollectionDefinition(Name)]
public sealed class HostCollection : ICollectionFixture<HostFixture>
{
    public const string Name = "host";
}
