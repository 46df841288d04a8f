using System.Text.Json;
using AIaaS.LocalHost.Functions;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Moq;

namespace AIaaS.LocalHost.Tests.Functions;

public sealed class FunctionExecutorTests
{
    [Theory]
    [InlineData("StreamDrop")]
    [InlineData("TextDrop")]
    [InlineData("BytesDrop")]
    [InlineData("BinaryDrop")]
    public async Task A_blob_comes_in_the_form_the_function_asks_for(string function)
    {
        await using var host = await RunningHost.StartAsync(typeof(Drops));
        using var content = new MemoryStream("café"u8.ToArray());

        var result = await host.Executor.ExecuteAsync(function, Data(content, ("path", "acme/churn/a.csv")), default);

        Assert.Equal("acme/churn/a.csv=café", result);
    }

    [Fact]
    public async Task A_message_comes_with_its_delivery_count()
    {
        await using var host = await RunningHost.StartAsync(typeof(Drops));

        var result = await host.Executor.ExecuteAsync("Message", Data(BinaryData.FromString("{}"), ("MessageId", "m1"), ("DeliveryCount", 2)), default);

        Assert.Equal("m1:2:{}", result);
    }

    [Theory]
    [InlineData("Greet", "\"Ada\"", "Hello Ada")]
    [InlineData("Sum", "[1,2,3]", 6)]
    [InlineData("Describe", """{"name":"churn","Version":3}""", "churn 3")]
    [InlineData("Maybe", "null", "nothing")]
    public async Task An_activity_gets_its_input_from_JSON(string function, string input, object expected)
    {
        await using var host = await RunningHost.StartAsync(typeof(Activities));
        using var json = JsonDocument.Parse(input);

        Assert.Equal(expected, await host.Executor.ExecuteAsync(function, Data(json.RootElement), default));
    }

    [Fact]
    public async Task Input_in_another_form_is_a_conversion_error_that_names_the_parameter()
    {
        await using var host = await RunningHost.StartAsync(typeof(Activities));
        using var json = JsonDocument.Parse("\"many\"");

        var error = await Assert.ThrowsAsync<FunctionInputConverterException>(() => host.Executor.ExecuteAsync("Sum", Data(json.RootElement), default));

        Assert.Contains("'numbers'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_exception_passes_middleware_and_reaches_the_caller()
    {
        Exception? seen = null;
        await using var host = await RunningHost.StartAsync(
            builder => builder.UseMiddleware(async (context, next) =>
            {
                try
                {
                    await next();
                }
                catch (Exception exception)
                {
                    seen = exception;
                    throw;
                }
            }),
            typeof(Activities));

        var thrown = await Assert.ThrowsAsync<InvalidOperationException>(() => host.Executor.ExecuteAsync("Fail", Data("x"), default));

        Assert.Same(thrown, seen);
    }

    [Fact]
    public async Task Middleware_may_answer_in_place_of_the_function()
    {
        await using var host = await RunningHost.StartAsync(
            builder => builder.UseMiddleware((context, _) =>
            {
                context.GetInvocationResult().Value = "instead";
                return Task.CompletedTask;
            }),
            typeof(Activities));

        Assert.Equal("instead", await host.Executor.ExecuteAsync("Fail", Data("x"), default));
    }

    [Fact]
    public async Task There_is_no_request_behind_other_triggers()
    {
        var isNull = false;
        await using var host = await RunningHost.StartAsync(
            builder => builder.UseMiddleware((context, next) =>
            {
                isNull = context.GetHttpContext() is null;
                return next();
            }),
            typeof(Activities));

        await host.Executor.ExecuteAsync("Greet", Data("Ada"), default);

        Assert.True(isNull);
    }

    [Fact]
    public async Task Each_invocation_has_a_scope_that_ends_with_it()
    {
        var ended = new Ended();
        await using var host = await RunningHost.StartAsync(
            builder =>
            {
                builder.Services.AddSingleton(ended);
                builder.Services.AddScoped<ScopedService>();
            },
            typeof(UsesScope));

        var alive = await host.Executor.ExecuteAsync("UsesScope", Data("x"), default);

        Assert.Equal(true, alive);
        Assert.Equal(1, ended.Count);
    }

    [Fact]
    public async Task The_cancellation_token_is_the_callers()
    {
        await using var host = await RunningHost.StartAsync(typeof(Activities));
        using var source = new CancellationTokenSource();

        Assert.Equal(source.Token, await host.Executor.ExecuteAsync("Token", Data("x"), source.Token));
    }

    [Fact]
    public async Task A_durable_client_comes_from_the_services()
    {
        var client = new Mock<DurableTaskClient>("test").Object;
        await using var host = await RunningHost.StartAsync(builder => builder.Services.AddSingleton(client), typeof(Starts));

        Assert.Same(client, await host.Executor.ExecuteAsync("Starts", Data("x"), default));
    }

    [Fact]
    public async Task An_orchestrator_runs_without_leaving_the_callers_thread()
    {
        await using var host = await RunningHost.StartAsync(
            builder => builder.UseMiddleware((_, _) => throw new InvalidOperationException("Middleware must not see orchestrators.")),
            typeof(Orchestrators));
        var pending = new TaskCompletionSource<int>();
        var context = new Mock<TaskOrchestrationContext>();
        context.Setup(c => c.CallActivityAsync<int>("Count", null, null)).Returns(pending.Task);
        var function = host.Services.GetRequiredService<FunctionCatalog>().Get("Orchestrate");

        var task = FunctionExecutor.InvokeOrchestrator(function, context.Object, host.Services, default);
        Assert.False(task.IsCompleted);
        pending.SetResult(Environment.CurrentManagedThreadId);

        // Completed already, and inside SetResult: nothing of the host's stands between.
        Assert.True(task.IsCompletedSuccessfully);
        Assert.Equal($"{Environment.CurrentManagedThreadId} on {Environment.CurrentManagedThreadId}", function.ResultOf(task));
    }

    [Fact]
    public async Task An_unknown_function_is_an_error_that_names_it()
    {
        await using var host = await RunningHost.StartAsync(typeof(Activities));

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => host.Executor.ExecuteAsync("Nobody", Data("x"), default));

        Assert.Contains("'Nobody'", error.Message, StringComparison.Ordinal);
    }

    private static TriggerData Data(object? value, params (string Name, object? Value)[] named) =>
        new(value, named.ToDictionary(pair => pair.Name, pair => pair.Value));

    public sealed class Drops
    {
        [Function("StreamDrop")]
        public async Task<string> OfStream([BlobTrigger("incoming/{path}")] Stream content, string path)
        {
            using var reader = new StreamReader(content);
            return $"{path}={await reader.ReadToEndAsync()}";
        }

        [Function("TextDrop")]
        public string OfText([BlobTrigger("incoming/{path}")] string content, string path) => $"{path}={content}";

        [Function("BytesDrop")]
        public string OfBytes([BlobTrigger("incoming/{path}")] byte[] content, string path) => $"{path}={BinaryData.FromBytes(content)}";

        [Function("BinaryDrop")]
        public string OfBinary([BlobTrigger("incoming/{path}")] BinaryData content, string path) => $"{path}={content}";

        [Function("Message")]
        public string OfMessage([ServiceBusTrigger("jobs")] string body, string messageId, int deliveryCount) =>
            FormattableString.Invariant($"{messageId}:{deliveryCount}:{body}");
    }

    public sealed record Model(string Name, int Version);

    public sealed class Activities
    {
        [Function("Greet")]
        public string Greet([ActivityTrigger] string name) => $"Hello {name}";

        [Function("Sum")]
        public static int Sum([ActivityTrigger] int[] numbers) => numbers.Sum();

        [Function("Describe")]
        public async Task<string> Describe([ActivityTrigger] Model model)
        {
            await Task.Yield();
            return FormattableString.Invariant($"{model.Name} {model.Version}");
        }

        [Function("Maybe")]
        public string Maybe([ActivityTrigger] Model? model) => model is null ? "nothing" : "something";

        [Function("Fail")]
        public async Task Fail([ActivityTrigger] string input)
        {
            await Task.Yield();
            throw new InvalidOperationException(input);
        }

        [Function("Token")]
        public CancellationToken Token([ActivityTrigger] string input, CancellationToken cancellationToken) => cancellationToken;
    }

    public sealed class Ended
    {
        public int Count { get; set; }
    }

    public sealed class ScopedService(Ended ended) : IDisposable
    {
        public void Dispose() => ended.Count++;
    }

    public sealed class UsesScope(ScopedService service, Ended ended)
    {
        [Function("UsesScope")]
        public bool Run([ActivityTrigger] string input, FunctionContext context) =>
            ended.Count == 0 && ReferenceEquals(service, context.InstanceServices.GetRequiredService<ScopedService>());
    }

    public sealed class Starts
    {
        [Function("Starts")]
        public object Run([ActivityTrigger] string input, [DurableClient] DurableTaskClient client) => client;
    }

    public static class Orchestrators
    {
        [Function("Orchestrate")]
        public static async Task<string> Run([OrchestrationTrigger] TaskOrchestrationContext context)
        {
            var from = await context.CallActivityAsync<int>("Count");
            return FormattableString.Invariant($"{from} on {Environment.CurrentManagedThreadId}");
        }
    }
}
