using AIaaS.LocalHost.Functions;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.Extensions.Configuration;

namespace AIaaS.LocalHost.Tests.Functions;

public sealed class FunctionDiscoveryTests
{
    [Fact]
    public void Every_kind_of_trigger_is_found()
    {
        var catalog = Discover(typeof(AllKinds));

        Assert.Equal(
            [("Request", TriggerKind.Http), ("Drop", TriggerKind.Blob), ("Message", TriggerKind.Queue), ("Tick", TriggerKind.Timer), ("Orchestrate", TriggerKind.Orchestration), ("Act", TriggerKind.Activity)],
            catalog.Functions.Select(function => (function.Name, function.Kind)));
        Assert.Equal("incoming/{path}", Assert.IsType<BlobTriggerAttribute>(catalog.Get("drop").Trigger).BlobPath);
        Assert.Equal(
            ["httpTrigger", "blobTrigger", "serviceBusTrigger", "timerTrigger", "orchestrationTrigger", "activityTrigger"],
            catalog.Functions.Select(function => function.Definition.InputBindings[function.TriggerParameter.Name!].Type));
    }

    [Fact]
    public void A_disabled_function_is_known_but_not_run()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("AzureWebJobs.Tick.Disabled", "true")]).Build();

        var catalog = FunctionDiscovery.Discover([typeof(AllKinds)], configuration, "");

        Assert.NotNull(catalog.Find("Tick"));
        Assert.Empty(catalog.Enabled(TriggerKind.Timer));
    }

    [Theory]
    [InlineData(typeof(NotPublic), "NotPublic.Run", "must be public")]
    [InlineData(typeof(NoTrigger), "NoTrigger.Run", "must have one trigger, and has 0")]
    [InlineData(typeof(TwoTriggers), "TwoTriggers.Run", "must have one trigger, and has 2")]
    [InlineData(typeof(BadName), "BadName.Run", "'no spaces'")]
    [InlineData(typeof(Taken), "Taken.First and ", "'same' is taken twice")]
    [InlineData(typeof(UnknownService), "UnknownService.Run", "nothing gives its parameter 'version' of type Version a value")]
    [InlineData(typeof(MissingRouteValue), "MissingRouteValue.Run", "its route has no '{model}'")]
    [InlineData(typeof(MissingCapture), "MissingCapture.Run", "'tenant'")]
    [InlineData(typeof(WrongPayload), "WrongPayload.Run", "must be Stream, string, byte[] or BinaryData, not Int32")]
    [InlineData(typeof(HttpContextParameter), "HttpContextParameter.Run", "must be HttpRequest, not HttpContext")]
    [InlineData(typeof(AsyncVoid), "AsyncVoid.Run", "must return Task")]
    [InlineData(typeof(ValueTasks), "ValueTasks.Run", "return Task in place of ValueTask")]
    [InlineData(typeof(BadRoute), "BadRoute.Run", "'a/{b'")]
    [InlineData(typeof(AdminRoute), "AdminRoute.Run", "begins with 'admin'")]
    [InlineData(typeof(SameRoute), "SameRoute.First and ", "both answer GET at")]
    [InlineData(typeof(GenericFunctions<>), ".Run", "generic or abstract")]
    public void What_could_not_run_is_refused_by_name(Type type, string method, string reason)
    {
        var refused = Assert.Throws<InvalidOperationException>(() => Discover(type));

        Assert.Contains(method, refused.Message, StringComparison.Ordinal);
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_refusals_are_told_at_once()
    {
        var refused = Assert.Throws<InvalidOperationException>(() => Discover(typeof(NoTrigger), typeof(BadName)));

        Assert.Contains("NoTrigger.Run", refused.Message, StringComparison.Ordinal);
        Assert.Contains("BadName.Run", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Routes_that_differ_in_a_constraint_or_a_method_stand_side_by_side()
    {
        Assert.Equal(3, Discover(typeof(SideBySide)).Functions.Count);
    }

    private static FunctionCatalog Discover(params Type[] types) =>
        FunctionDiscovery.Discover(types, new ConfigurationBuilder().Build(), "");

    public sealed class AllKinds
    {
        [Function("Request")]
        public IResult Request([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "a")] HttpRequest request) => TypedResults.Ok();

        [Function("Drop")]
        public Task Drop([BlobTrigger("incoming/{path}")] Stream content, string path) => Task.CompletedTask;

        [Function("Message")]
        public void Message([ServiceBusTrigger("jobs")] string body, string messageId, int deliveryCount) => _ = body + messageId + deliveryCount;

        [Function("Tick")]
        public void Tick([TimerTrigger("0 * * * * *")] TimerInfo timer) => _ = timer;

        [Function("Orchestrate")]
        public static Task<int> Orchestrate([OrchestrationTrigger] TaskOrchestrationContext context) => Task.FromResult(1);

        [Function("Act")]
        public int Act([ActivityTrigger] int input, string instanceId) => input + instanceId.Length;

        public int Other() => 0;
    }

    public sealed class NotPublic
    {
        [Function("f")]
        internal void Run([TimerTrigger("0 * * * * *")] TimerInfo timer) => _ = timer;
    }

    public sealed class NoTrigger
    {
        [Function("none")]
        public void Run(FunctionContext context) => _ = context;
    }

    public sealed class TwoTriggers
    {
        [Function("f")]
        public void Run([TimerTrigger("0 * * * * *")] TimerInfo timer, [ActivityTrigger] string input) => _ = (timer, input);
    }

    public sealed class BadName
    {
        [Function("no spaces")]
        public void Run([ActivityTrigger] string input) => _ = input;
    }

    public sealed class Taken
    {
        [Function("same")]
        public void First([ActivityTrigger] string input) => _ = input;

        [Function("Same")]
        public void Second([ActivityTrigger] string input) => _ = input;
    }

    public sealed class UnknownService
    {
        [Function("f")]
        public void Run([ActivityTrigger] string input, Version version) => _ = (input, version);
    }

    public sealed class MissingRouteValue
    {
        [Function("f")]
        public IResult Run([HttpTrigger("get", Route = "models/{modle}")] HttpRequest request, string model) => TypedResults.Text(model);
    }

    public sealed class MissingCapture
    {
        [Function("f")]
        public void Run([BlobTrigger("incoming/{path}")] Stream content, string tenant) => _ = (content, tenant);
    }

    public sealed class WrongPayload
    {
        [Function("f")]
        public void Run([ServiceBusTrigger("jobs")] int number) => _ = number;
    }

    public sealed class HttpContextParameter
    {
        [Function("f")]
        public IResult Run([HttpTrigger("get")] HttpContext context) => TypedResults.Text(context.TraceIdentifier);
    }

    public sealed class AsyncVoid
    {
        [Function("f")]
        public async void Run([ActivityTrigger] string input) => await Task.FromResult(input);
    }

    public sealed class ValueTasks
    {
        [Function("f")]
        public ValueTask<string> Run([ActivityTrigger] string input) => ValueTask.FromResult(input);
    }

    public sealed class BadRoute
    {
        [Function("f")]
        public IResult Run([HttpTrigger("get", Route = "a/{b")] HttpRequest request) => TypedResults.Ok();
    }

    public sealed class AdminRoute
    {
        [Function("f")]
        public IResult Run([HttpTrigger("get", Route = "admin/x")] HttpRequest request) => TypedResults.Ok();
    }

    public sealed class SameRoute
    {
        [Function("f")]
        public IResult First([HttpTrigger("get", "post", Route = "models/{model}")] HttpRequest request) => TypedResults.Ok();

        [Function("g")]
        public IResult Second([HttpTrigger("GET", Route = "Models/{name}")] HttpRequest request) => TypedResults.Ok();
    }

    public sealed class SideBySide
    {
        [Function("f")]
        public IResult First([HttpTrigger("get", Route = "models/{model}")] HttpRequest request) => TypedResults.Ok();

        [Function("g")]
        public IResult Second([HttpTrigger("get", Route = "models/{model:int}")] HttpRequest request) => TypedResults.Ok();

        [Function("h")]
        public IResult Third([HttpTrigger("put", Route = "models/{model}")] HttpRequest request) => TypedResults.Ok();
    }

    public sealed class GenericFunctions<T>
    {
        [Function("f")]
        public void Run([ActivityTrigger] T input) => _ = input;
    }
}
