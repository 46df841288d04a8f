using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Tests.Runs;
using Microsoft.Extensions.Logging.Abstractions;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Endpoints;

public sealed class EndpointDirectoryTests : IDisposable
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private readonly RunWorld _world = new();
    private readonly EndpointDirectory _directory;

    public EndpointDirectoryTests()
        => _directory = new EndpointDirectory(_world.Catalog, _world.Time, NullLogger<EndpointDirectory>.Instance);

    public void Dispose()
    {
        _directory.Dispose();
        _world.Dispose();
    }

    [Fact]
    public async Task An_endpoint_that_is_not_there_is_null_and_is_seen_once_it_is()
    {
        Assert.Null(await FindAsync("e"));
        await WriteAsync("e", 1);

        Assert.Equal(1, await FindAsync("e"));
    }

    [Fact]
    public async Task A_fresh_snapshot_is_given_without_a_call_to_the_store()
    {
        await WriteAsync("e", 1);
        await FindAsync("e");

        Assert.True(_directory.FindAsync(Tenant, "e", default).AsTask().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Tenants_have_endpoints_of_their_own()
    {
        await WriteAsync("e", 1);
        await FindAsync("e");

        Assert.Null(await _directory.FindAsync("other", "e", default));
    }

    [Fact]
    public async Task What_is_given_is_never_older_than_five_seconds_even_if_nobody_refreshes()
    {
        await WriteAsync("e", 1);
        await FindAsync("e");
        _directory.Dispose();
        await WriteAsync("e", 2);

        _world.Time.Advance(5 * Second);
        Assert.Equal(1, await FindAsync("e"));
        _world.Time.Advance(Second);

        Assert.Equal(2, await FindAsync("e"));
    }

    [Fact]
    public async Task A_change_by_another_host_is_seen_in_the_background()
    {
        await WriteAsync("e", 1);
        await FindAsync("e");
        await WriteAsync("e", 2);

        _world.Time.Advance(4 * Second);

        await SeenAsync("e", 2);
    }

    [Fact]
    public async Task An_endpoint_in_use_is_always_at_hand()
    {
        await WriteAsync("e", 0);
        await FindAsync("e");
        for (var i = 1; i < 10; i++)
        {
            await WriteAsync("e", i);
            _world.Time.Advance(4 * Second);
            await SeenAsync("e", i);
        }
    }

    [Fact]
    public async Task A_deletion_by_another_host_is_seen_in_the_background()
    {
        await WriteAsync("e", 1);
        await FindAsync("e");
        await _world.Catalog.DeleteAsync(Endpoint.Kind, Tenant, "e", ifMatch: null, default);

        _world.Time.Advance(4 * Second);

        await Eventually.Holds(async () => await FindAsync("e") is null);
    }

    [Fact]
    public async Task What_is_forgotten_is_read_again()
    {
        await WriteAsync("e", 1);
        await FindAsync("e");
        await WriteAsync("e", 2);

        _directory.Forget(Tenant, "e");

        Assert.Equal(2, await FindAsync("e"));
    }

    [Fact]
    public async Task An_endpoint_nobody_calls_is_let_go()
    {
        await WriteAsync("idle", 1);
        await WriteAsync("e", 1);
        await FindAsync("idle");
        await FindAsync("e");
        for (var i = 0; i < 77; i++)
        {
            await WriteAsync("e", i);
            _world.Time.Advance(4 * Second);
            await SeenAsync("e", i);
        }

        // Reading it takes the store from now on, which is out of reach.
        _world.Crash.Arm(step: 1, done: false);
        await _world.DiesAsync(() => _world.Store.DeleteAsync(new("catalog", "any"), null, default));
        await Assert.ThrowsAsync<CrashedException>(async () => await _directory.FindAsync(Tenant, "idle", default));
    }

    [Fact]
    public async Task One_damaged_endpoint_does_not_keep_the_others_from_being_refreshed()
    {
        string[] names = ["a", "b", "c", "d"];
        foreach (var name in names)
        {
            await WriteAsync(name, 1);
            await FindAsync(name);
            await WriteAsync(name, 2);
        }

        await _world.Store.WriteAsync(Endpoint.Kind.PathOf(Tenant, "b"), new MemoryStream("{"u8.ToArray()), null, default);

        _world.Time.Advance(4 * Second);

        foreach (var name in names.Where(name => name != "b")) await SeenAsync(name, 2);
    }

    private async Task WriteAsync(string name, int version)
        => await _world.Catalog.UpsertAsync(
            Endpoint.Kind,
            Tenant,
            name,
            _ => new Endpoint
            {
                Name = name,
                Model = "m",
                Traffic = [new TrafficShare(version, 100)],
                Created = _world.Time.GetUtcNow(),
                Updated = _world.Time.GetUtcNow(),
            },
            default);

    private async Task<int?> FindAsync(string name) => (await _directory.FindAsync(Tenant, name, default))?.Traffic[0].Version;

    /// <summary>Waits until a version is at hand, not to be read first.</summary>
    private Task SeenAsync(string name, int version) => Eventually.Holds(() =>
    {
        var found = _directory.FindAsync(Tenant, name, default).AsTask();
        return Task.FromResult(found.IsCompletedSuccessfully && found.Result!.Traffic[0].Version == version);
    });
}
