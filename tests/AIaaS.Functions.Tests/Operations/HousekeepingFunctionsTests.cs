using AIaaS.Functions.Operations;
using AIaaS.LocalHost.Tests.Durable;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Http;
using AIaaS.Platform.Storage;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Logging.Abstractions;

namespace AIaaS.Functions.Tests.Operations;

public sealed class HousekeepingFunctionsTests : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FileObjectStore _store;
    private readonly DurableHarness _harness;

    public HousekeepingFunctionsTests()
    {
        _store = new FileObjectStore(new FileObjectStoreOptions { Root = _folder["storage"], FlushToDisk = false }, TimeProvider.System);
        _harness = new DurableHarness
        {
            Functions = new TestFunctions()
                .Orchestrator("Ends", _ => Task.FromResult<object?>(null))
                .Orchestrator("Waits", async context => await context.WaitForExternalEvent<object?>("never")),
        }.Start();
    }

    public async ValueTask DisposeAsync()
    {
        await _harness.DisposeAsync();
        _store.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Histories_go_a_month_after_their_orchestrations_ended()
    {
        await _harness.RunAsync("Ends", instanceId: "old");
        _harness.Time.Advance(HousekeepingFunctions.HistoryLifetime - TimeSpan.FromHours(1));
        await _harness.RunAsync("Ends", instanceId: "young");

        await KeepHouseAsync();
        var before = await KnownAsync("old");
        _harness.Time.Advance(TimeSpan.FromHours(2));
        await KeepHouseAsync();

        Assert.True(before);
        Assert.False(await KnownAsync("old"));
        Assert.True(await KnownAsync("young"));
    }

    [Fact]
    public async Task The_history_of_an_orchestration_under_way_stays_however_old()
    {
        await _harness.ScheduleAsync("Waits", instanceId: "waiting");
        await _harness.UntilAsync("waiting", found => found.IsRunning);
        _harness.Time.Advance(2 * HousekeepingFunctions.HistoryLifetime);

        await KeepHouseAsync();

        Assert.True(await KnownAsync("waiting"));
    }

    private Task KeepHouseAsync()
        => new HousekeepingFunctions(
                new IdempotencyKeys(new Catalog(_store, _harness.Time), _harness.Time), _harness.Time, NullLogger<HousekeepingFunctions>.Instance)
            .KeepHouseAsync(new TimerInfo(), _harness.Client, CancellationToken.None);

    private async Task<bool> KnownAsync(string instance) => await _harness.Client.GetInstanceAsync(instance) is not null;
}
