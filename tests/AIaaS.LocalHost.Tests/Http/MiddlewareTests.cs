using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AIaaS.LocalHost.Tests.Http;

public sealed class MiddlewareTests
{
    [Fact]
    public async Task The_first_registered_is_the_outermost()
    {
        var order = new List<string>();
        await using var host = await RunningHost.StartAsync(
            builder =>
            {
                builder.UseMiddleware(async (context, next) =>
                {
                    order.Add("outer in");
                    await next();
                    order.Add("outer out");
                });
                builder.UseMiddleware((context, next) =>
                {
                    order.Add("inner");
                    return next();
                });
            },
            typeof(Target));

        await host.Client.GetStringAsync("/target");

        Assert.Equal(["outer in", "inner", "outer out"], order);
    }

    [Fact]
    public async Task A_middleware_class_is_one_instance_made_by_the_services()
    {
        var log = new Log();
        await using var host = await RunningHost.StartAsync(
            builder =>
            {
                builder.Services.AddSingleton(log);
                builder.UseMiddleware<Counting>();
            },
            typeof(Target));

        await host.Client.GetStringAsync("/target");
        await host.Client.GetStringAsync("/target");

        Assert.Equal(["1", "2"], log.Lines);
    }

    [Fact]
    public async Task A_result_set_without_calling_next_is_the_response()
    {
        var log = new Log();
        await using var host = await RunningHost.StartAsync(
            builder =>
            {
                builder.Services.AddSingleton(log);
                builder.UseMiddleware((context, next) =>
                {
                    context.GetInvocationResult().Value = TypedResults.StatusCode(401);
                    return Task.CompletedTask;
                });
            },
            typeof(Logged));

        using var response = await host.Client.GetAsync("/logged");

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Empty(log.Lines);
    }

    [Fact]
    public async Task A_functions_result_can_be_read_and_replaced()
    {
        await using var host = await RunningHost.StartAsync(
            builder => builder.UseMiddleware(async (context, next) =>
            {
                await next();
                Assert.IsAssignableFrom<IResult>(context.GetInvocationResult().Value);
                context.GetInvocationResult<IResult>().Value = TypedResults.Text("replaced");
            }),
            typeof(Target));

        Assert.Equal("replaced", await host.Client.GetStringAsync("/target"));
    }

    [Theory]
    [InlineData("/throws")]
    [InlineData("/throws-late")]
    public async Task An_exception_of_a_function_reaches_middleware(string path)
    {
        await using var host = await RunningHost.StartAsync(
            builder => builder.UseMiddleware(async (context, next) =>
            {
                try
                {
                    await next();
                }
                catch (InvalidOperationException exception)
                {
                    context.GetInvocationResult().Value = TypedResults.Text(exception.Message, statusCode: 409);
                }
            }),
            typeof(Throws));

        using var response = await host.Client.GetAsync(path);

        Assert.Equal(HttpStatusCode.Conflict, response.StatusCode);
        Assert.Equal("told", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Middleware_under_a_condition_runs_only_where_it_holds()
    {
        var log = new Log();
        await using var host = await RunningHost.StartAsync(
            builder =>
            {
                builder.Services.AddSingleton(log);
                builder.UseWhen<Counting>(context => context.FunctionDefinition.Name == "Logged");
            },
            typeof(Target), typeof(Logged));

        await host.Client.GetStringAsync("/target");
        Assert.Empty(log.Lines);
        await host.Client.GetStringAsync("/logged");
        Assert.Equal(["1", "logged"], log.Lines);
    }

    [Fact]
    public async Task The_context_describes_the_function_and_holds_the_request()
    {
        FunctionDefinition? definition = null;
        var requestPath = "";
        await using var host = await RunningHost.StartAsync(
            builder => builder.UseMiddleware((context, next) =>
            {
                definition = context.FunctionDefinition;
                requestPath = context.GetHttpContext()!.Request.Path;
                context.Items["tenant"] = "acme";
                return next();
            }),
            typeof(Target));

        Assert.Equal("acme", await host.Client.GetStringAsync("/target"));

        Assert.Equal("/target", requestPath);
        Assert.Equal("Target", definition!.Name);
        Assert.Equal($"{typeof(Target).FullName}.Run", definition.EntryPoint);
        Assert.Equal(typeof(Target).Assembly.Location, definition.PathToAssembly);
        Assert.Equal("httpTrigger", definition.InputBindings["request"].Type);
        Assert.Equal("http", definition.OutputBindings["$return"].Type);
        Assert.Equal(["request", "context"], definition.Parameters.Select(parameter => parameter.Name));
        Assert.IsType<HttpTriggerAttribute>(definition.Parameters[0].Properties["bindingAttribute"]);
    }

    public sealed class Log
    {
        public List<string> Lines { get; } = [];
    }

    public sealed class Counting(Log log) : IFunctionsWorkerMiddleware
    {
        private int _count;

        public Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
        {
            log.Lines.Add(FormattableString.Invariant($"{++_count}"));
            return next(context);
        }
    }

    public sealed class Target
    {
        [Function("Target")]
        public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "target")] HttpRequest request, FunctionContext context) =>
            TypedResults.Text(context.Items.TryGetValue("tenant", out var tenant) ? (string)tenant : "");
    }

    public sealed class Logged(Log log)
    {
        [Function("Logged")]
        public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "logged")] HttpRequest request)
        {
            log.Lines.Add("logged");
            return TypedResults.Ok();
        }
    }

    public sealed class Throws
    {
        [Function("Throws")]
        public IResult Now([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "throws")] HttpRequest request) =>
            throw new InvalidOperationException("told");

        [Function("ThrowsLate")]
        public async Task<IResult> Late([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "throws-late")] HttpRequest request)
        {
            await Task.Yield();
            throw new InvalidOperationException("told");
        }
    }
}
