using AIaaS.Functions.Operations;
using AIaaS.Functions.Tests.Requests;
using AIaaS.Platform.Operations;
using AIaaS.Platform.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;

namespace AIaaS.Functions.Tests.Operations;

public sealed class HealthFunctionsTests : IDisposable
{
    private readonly RequestHarness _harness = new();

    public void Dispose() => _harness.Dispose();

    [Fact]
    public async Task A_living_host_says_so_to_anyone()
    {
        var response = await _harness.SendAsync((http, _) => HealthFunctions.Live(http.Request), "HealthLive", key: null);

        Assert.Equal((200, "{\"status\":\"live\"}"), (response.Status, response.Body));
    }

    [Fact]
    public async Task A_host_that_reaches_its_store_is_ready()
    {
        var response = await _harness.SendAsync(
            (http, services) => ActivatorUtilities.CreateInstance<HealthFunctions>(services).Ready(http.Request), "HealthReady", key: null);

        Assert.Equal((200, "{\"status\":\"ready\"}"), (response.Status, response.Body));
    }

    [Fact]
    public async Task A_host_without_store_is_not_ready_and_does_not_say_why()
    {
        var functions = new HealthFunctions(new Readiness(BrokenStore().Object, _harness.Time, NullLogger<Readiness>.Instance));

        var response = await _harness.SendAsync((http, _) => functions.Ready(http.Request), "HealthReady", key: null);

        Assert.Equal(503, response.Status);
        Assert.DoesNotContain("secret", response.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_askers_ask_the_store_once_in_two_seconds()
    {
        var time = new SteppedTime();
        var store = BrokenStore();
        var readiness = new Readiness(store.Object, time, NullLogger<Readiness>.Instance);

        await readiness.IsReadyAsync();
        await readiness.IsReadyAsync();
        time.Advance(TimeSpan.FromSeconds(2));
        await readiness.IsReadyAsync();

        store.Verify(each => each.GetPropertiesAsync(It.IsAny<ObjectPath>(), It.IsAny<CancellationToken>()), Times.Exactly(2));
    }

    private static Mock<IObjectStore> BrokenStore()
    {
        var store = new Mock<IObjectStore>();
        store.Setup(each => each.GetPropertiesAsync(It.IsAny<ObjectPath>(), It.IsAny<CancellationToken>())).ThrowsAsync(new IOException("secret"));
        return store;
    }
}
