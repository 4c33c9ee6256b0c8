"""Classes, inheritance, super, properties, class and static methods, metaclasses, special methods."""


class Meta(type):
    def __new__(meta, name, bases, namespace, **options):
        return super().__new__(meta, name, bases, namespace)

    def __init__(cls, name, bases, namespace, **options):
        super().__init__(name, bases, namespace)

    def __call__(cls, *arguments):
        return super().__call__(*arguments)

    def made(cls):
        return cls.__name__


class Base(metaclass=Meta):
    def __init__(self, value):
        self.value = value

    def __init_subclass__(cls, **options):
        super().__init_subclass__()
        cls.made()

    def template(self):
        return self.step() + self.value

    def step(self):
        return 0

    @property
    def double(self):
        return self.value * 2

    @double.setter
    def double(self, value):
        self.value = value // 2

    @classmethod
    def make(cls, value):
        return cls(value)

    @staticmethod
    def plain(value):
        return value

    def __eq__(self, other):
        return self.value == other.value

    def __hash__(self):
        return hash(self.value)

    def __getattr__(self, name):
        return self.plain(name)

    def __len__(self):
        return self.value

    def __add__(self, other):
        return type(self).make(self.value + other.value)


class Left(Base, option=1):
    def step(self):
        return super().step() + 1


class Right(Base):
    def step(self):
        return super().step() + 10


class Both(Left, Right):
    def step(self):
        return super().step() + 100


class Slots:
    __slots__ = ("value",)

    def __init__(self):
        self.value = 1

    def __enter__(self):
        return self

    def __exit__(self, *details):
        return None


class Descriptor:
    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner):
        return 3


class Holder:
    field = Descriptor()

    class Inner:
        def method(self):
            return 1

        count = len([1, 2, 3])


def detached(self):
    return self


for kind in (Base, Left, Right, Both):
    thing = kind.make(4)
    thing.template()
    thing.double
    thing.double = 6
thing == Both(3), thing == Base(5)
{Both(1), Both(1), Base(2)}
thing.missing
bool(thing), len(thing)
Left(1) + Both(2)
with Slots() as slots:
    slots.value
Holder().field
Holder.field
Holder.Inner().method()
detached(1)
detached("text")
detached(Holder())
detached(Holder)
