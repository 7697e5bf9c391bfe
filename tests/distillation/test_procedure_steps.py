"""One step of gradient descent in every role of every procedure, against arithmetic by hand."""

import keras
import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from distillation import compile_trainer, procedure

T, ALPHA, DECAY, LEARNING_RATE = 3.0, 0.3, 0.05, 0.7


# Each gives the mean loss and the gradient of the logits z, t being the logits of the teacher.


def hard_labels(z, t, y, temperature=1.0):
    loss = -np.mean(np.sum(y * log_softmax(z / temperature, axis=1), axis=1))
    return loss, (softmax(z / temperature, axis=1) - y) / temperature / len(z)


def hard_labels_at_t(z, t, y):
    return hard_labels(z, t, y, T)


def soft_labels_at_t(z, t, y):
    """T^2 times Papernot's cross-entropy with soft labels, less the labels' own entropy."""
    soft = softmax(t / T, axis=1)
    loss, gradient = hard_labels(z, t, soft, T)
    entropy = -np.mean(np.sum(soft * np.log(soft), axis=1))
    return T**2 * (loss - entropy), T**2 * gradient


def soft_labels_at_t_alone(z, t, y):
    loss, gradient = soft_labels_at_t(z, t, y)
    return loss / T**2, gradient / T**2


def divergence(z, t):
    """KL of softmaxes at T, and its gradient of z, for every image."""
    log_p, log_q = log_softmax(t / T, axis=1), log_softmax(z / T, axis=1)
    return np.sum(np.exp(log_p) * (log_p - log_q), axis=1), (np.exp(log_q) - np.exp(log_p)) / T


def knowledge_distillation(z, t, y):
    student_loss, student_gradient = hard_labels(z, t, y)
    kl, kl_gradient = divergence(z, t)
    return (
        ALPHA * student_loss + (1 - ALPHA) * T**2 * np.mean(kl),
        ALPHA * student_gradient + (1 - ALPHA) * T**2 * kl_gradient / len(z),
    )


def through_softmax(z, gradient):
    p = softmax(z, axis=1)
    return p * (gradient - np.sum(p * gradient, axis=1, keepdims=True))


def probabilities_for_logits(z, t, y):
    """Cross-entropy of softmax(softmax(z))."""
    loss, gradient = hard_labels(softmax(z, axis=1), None, y)
    return loss, through_softmax(z, gradient)


def softmax_on_softmax(z, t, y):
    """The listed Distiller, with a teacher that has T inside its network as well."""
    student_loss, student_gradient = probabilities_for_logits(z, t, y)
    kl, kl_gradient = divergence(softmax(z, axis=1), softmax(t / T, axis=1))
    return (
        ALPHA * student_loss + (1 - ALPHA) * np.mean(kl),
        ALPHA * student_gradient + (1 - ALPHA) * through_softmax(z, kl_gradient) / len(z),
    )


STEPS = [  # procedure, role, loss, whether weight decay is added
    ("as_listed", "teacher", hard_labels_at_t, True),
    ("as_listed", "student", softmax_on_softmax, False),
    ("as_listed", "control", probabilities_for_logits, False),
    ("corrected", "teacher", hard_labels, True),
    ("corrected", "student", knowledge_distillation, True),
    ("corrected", "control", hard_labels, True),
    ("soft_labels", "teacher", hard_labels_at_t, True),
    ("soft_labels", "student", soft_labels_at_t_alone, True),
    ("soft_labels", "control", hard_labels_at_t, True),
    ("papernot", "warm_up", hard_labels, True),
    ("papernot", "teacher", hard_labels_at_t, True),
    ("papernot", "student", soft_labels_at_t, True),
    ("papernot", "control", hard_labels_at_t, True),
]


@pytest.mark.parametrize("name, role, loss_by_hand, decays", STEPS)
def test_step(name, role, loss_by_hand, decays, batch, linear, one_step):
    network, teacher = linear(1, decay=DECAY), linear(2, decay=DECAY)
    kernel, bias = network.get_weights()
    z = batch.x @ kernel + bias
    t = batch.x @ teacher.get_weights()[0] + teacher.get_weights()[1]
    loss, gradient = loss_by_hand(z, t, batch.one_hot)
    kernel_gradient = batch.x.T @ gradient
    if decays:
        loss += DECAY * np.sum(kernel**2)
        kernel_gradient = kernel_gradient + 2 * DECAY * kernel

    trainer = compile_trainer(
        procedure(name, T, ALPHA),
        role,
        network,
        keras.optimizers.SGD(LEARNING_RATE),
        teacher if role == "student" else None,
    )
    logs = one_step(trainer, batch.x, batch.one_hot)

    assert logs["loss"] == pytest.approx(loss, rel=1e-5)
    new_kernel, new_bias = network.get_weights()
    np.testing.assert_allclose(new_kernel, kernel - LEARNING_RATE * kernel_gradient, atol=2e-6)
    np.testing.assert_allclose(new_bias, bias - LEARNING_RATE * gradient.sum(axis=0), atol=2e-6)


@pytest.mark.parametrize("name, temperature", [("soft_labels", T), ("papernot", 1.0)])
def test_what_the_validation_of_a_student_measures(name, temperature, batch, linear):
    network = linear(1)
    trainer = compile_trainer(procedure(name, T), "student", network, "sgd", linear(2))
    z = network(batch.x).numpy()
    expected, _ = hard_labels(z, None, batch.one_hot, temperature)
    found = trainer.evaluate(batch.x, batch.one_hot, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(expected, rel=1e-5)


def test_every_role_is_covered():
    covered = {(name, role) for name, role, *_ in STEPS}
    names = ("as_listed", "corrected", "soft_labels", "papernot")
    assert covered == {(name, role) for name in names for role in procedure(name).roles}


def test_listed_teacher_has_the_temperature_inside(batch, linear):
    network = linear(1)
    teacher = compile_trainer(procedure("as_listed", T), "teacher", network, "sgd")
    logits = network(batch.x).numpy()
    np.testing.assert_allclose(teacher(batch.x).numpy(), softmax(logits / T, axis=1), atol=1e-6)


@pytest.mark.parametrize("role", ["teacher", "control"])
def test_network_stays_without_optimizer(role, linear):
    network = linear(1)
    trainer = compile_trainer(procedure("corrected"), role, network, "sgd")
    assert trainer.compiled and not network.compiled


def test_papernot_has_no_hard_labels():
    assert procedure("papernot", 20, alpha=0.9).alpha == 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("listed",), "procedure is 'listed'; accepted: 'as_listed', 'corrected', 'soft"),
        (("corrected", 0), "temperature is 0"),
        (("corrected", float("nan")), "temperature is nan"),
        (("corrected", float("inf")), "temperature is inf"),
        (("corrected", 1, -0.1), "alpha is -0.1; accepted: a number from 0 to 1"),
        (("corrected", 1, float("nan")), "alpha is nan"),
    ],
)
def test_procedure_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        procedure(*arguments)


@pytest.mark.parametrize(
    "role, message",
    [
        ("warm_up", "role is 'warm_up'; accepted for corrected: teacher, student, control"),
        ("student", "teacher is None; accepted for a student: its trained teacher"),
    ],
)
def test_compile_trainer_refuses(role, message, linear):
    with pytest.raises(ValueError, match=message):
        compile_trainer(procedure("corrected"), role, linear(1), "sgd")
